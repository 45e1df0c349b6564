holdfast_fuzz(health SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_health.c DEPENDS healthcheck)
