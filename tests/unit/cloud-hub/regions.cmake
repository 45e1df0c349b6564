holdfast_test(test_membership SOURCES test_membership.c DEPENDS regions auth healthcheck net base)
holdfast_test(test_regions SOURCES test_regions.c ${CMAKE_SOURCE_DIR}/tests/tools/tempdir.c DEPENDS regions gateway api auth net cache base)
holdfast_test(test_check_units SOURCES test_check_units.c DEPENDS regions api base)
