holdfast_test(test_registry SOURCES test_registry.c ${CMAKE_SOURCE_DIR}/tests/tools/tempdir.c DEPENDS gateway)
