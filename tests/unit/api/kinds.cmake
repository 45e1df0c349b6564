foreach(subject kind problems quantity schema selector)
  holdfast_test(test_${subject} SOURCES test_${subject}.c DEPENDS kinds)
endforeach()
