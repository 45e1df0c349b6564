holdfast_test(test_health_frame SOURCES test_health_frame.c DEPENDS health)
holdfast_test(test_health_peers SOURCES test_health_peers.c region_world.c ${CMAKE_SOURCE_DIR}/tests/tools/tempdir.c DEPENDS health)
holdfast_test(test_health_checks SOURCES test_health_checks.c DEPENDS health)
