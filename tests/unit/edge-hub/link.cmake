holdfast_test(test_renewal SOURCES test_renewal.c DEPENDS link)
