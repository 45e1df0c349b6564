holdfast_test(test_pods_lifecycle SOURCES test_pods_lifecycle.c pods_world.c DEPENDS pods)
holdfast_test(test_pods_churn SOURCES test_pods_churn.c pods_world.c DEPENDS pods)
