holdfast_test(test_node SOURCES test_node.c DEPENDS node base)
holdfast_test(test_timekeeper SOURCES test_timekeeper.c ${CMAKE_SOURCE_DIR}/tests/tools/tempdir.c DEPENDS node base)
