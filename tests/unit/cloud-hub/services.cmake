foreach(subject claims prepare)
  holdfast_test(test_service_${subject} SOURCES test_service_${subject}.c DEPENDS services FAULTS)
endforeach()
