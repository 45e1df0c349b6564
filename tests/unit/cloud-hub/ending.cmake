holdfast_test(test_authority_ending SOURCES test_ending.c ${CMAKE_SOURCE_DIR}/cloud-hub/ending.c DEPENDS auth)
