#include "graph_model.h"

static bool names(const struct model_pod *pod, char kind, int name)
{
	if (kind == 'N')
		return true;
	if (kind == 'a')
		return pod->account == name;
	for (size_t i = 0; i < pod->ref_count; i++)
		if (pod->refs[i].secret == (kind == 's') && pod->refs[i].name == name)
			return true;
	return false;
}

bool model_needs(const struct model *m, int node, char kind, int ns, int name)
{
	for (size_t i = 0; i < MODEL_PODS; i++) {
		const struct model_pod *pod = &m->pods[i];

		if (pod->exists && pod->node == node && pod->ns == ns && names(pod, kind, name))
			return true;
	}
	return false;
}

size_t model_count(const struct model *m, int node)
{
	size_t count = 1;

	for (size_t i = 0; i < MODEL_PODS; i++)
		count += m->pods[i].exists && m->pods[i].node == node;
	for (int ns = 0; ns < MODEL_NAMESPACES; ns++) {
		count += model_needs(m, node, 'N', ns, 0);
		for (int name = 0; name < MODEL_NAMES; name++)
			count += (size_t)model_needs(m, node, 'a', ns, name) +
				 (size_t)model_needs(m, node, 'c', ns, name) +
				 (size_t)model_needs(m, node, 's', ns, name);
	}
	return count;
}
