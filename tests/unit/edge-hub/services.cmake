holdfast_test(test_withdrawal SOURCES test_withdrawal.c DEPENDS withdrawals FAULTS)
holdfast_test(test_withdrawals SOURCES test_withdrawals.c ${CMAKE_SOURCE_DIR}/tests/tools/tempdir.c DEPENDS withdrawals)
