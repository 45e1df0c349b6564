foreach(subject create list watch update delete local)
  holdfast_test(test_rest_${subject} SOURCES test_rest_${subject}.c rig.c DEPENDS api)
endforeach()
