foreach(subject quantity selector problems)
  holdfast_test(test_${subject} SOURCES test_${subject}.c DEPENDS kinds)
endforeach()
