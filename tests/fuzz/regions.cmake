holdfast_fuzz(check_units SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_check_units.c DEPENDS regions api base)
