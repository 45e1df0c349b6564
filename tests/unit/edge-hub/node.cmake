holdfast_test(test_node SOURCES test_node.c DEPENDS node base)
