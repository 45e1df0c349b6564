holdfast_test(test_pods_lifecycle SOURCES test_pods_lifecycle.c pods_world.c DEPENDS pods)
holdfast_test(test_pods_churn SOURCES test_pods_churn.c pods_world.c DEPENDS pods)
holdfast_test(test_pods_spec SOURCES test_pods_spec.c DEPENDS pods PRIVATE PkgConfig::protobufc)
holdfast_test(test_pods_files SOURCES test_pods_files.c DEPENDS pods)
# The agent alone against a real runtime, fed from files.
holdfast_daemon(podsrun SOURCES ${CMAKE_SOURCE_DIR}/tests/tools/podsrun.c DEPENDS pods)
