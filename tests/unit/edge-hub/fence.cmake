foreach(subject record limit guard kept)
  holdfast_test(test_fence_${subject} SOURCES test_fence_${subject}.c DEPENDS fence)
endforeach()
holdfast_test(test_fence_faults SOURCES test_fence_faults.c DEPENDS fence FAULTS)
