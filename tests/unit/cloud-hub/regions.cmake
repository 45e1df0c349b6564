holdfast_test(test_membership SOURCES test_membership.c DEPENDS regions auth healthcheck net base)
