#include "healthcheck/freeing.h"

static unsigned greater(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

/* Who does not fence itself does not do so because its region has a T. */
unsigned freeing_limit_hello(unsigned told, unsigned region)
{
	return told ? greater(told, region) : 0;
}

unsigned freeing_limit_told(unsigned kept, unsigned told, unsigned region, bool is_settled)
{
	if (!told)
		return 0;
	if (is_settled && told == region)
		return told;
	return greater(kept, greater(told, region));
}

unsigned freeing_limit_given(unsigned kept, unsigned region)
{
	return kept ? greater(kept, region) : 0;
}
