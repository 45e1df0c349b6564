holdfast_fuzz(endpoints SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_endpoints.c DEPENDS control)
holdfast_fuzz(service SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_service.c DEPENDS services)
holdfast_fuzz(withdrawal SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_withdrawal.c DEPENDS withdrawals)
