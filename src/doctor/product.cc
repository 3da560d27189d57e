#include "doctor/product.h"

namespace afterword::doctor {
namespace {

// "Synapse 1.163.2"
Product shown(const homeserver::Product& product) {
  std::string name = printable(product.name);
  if (!product.version.empty()) name.append(" ").append(printable(product.version));
  return {product.kind, name};
}

}  // namespace

std::vector<Question> questions_about_product() {
  return {product_questions::versions, product_questions::federation_version, product_questions::dendrite_monitor};
}

Product product_of(const Evidence& evidence) {
  auto product = homeserver::product_in(evidence.answer(product_questions::federation_version).body);
  if (!product) product = homeserver::product_in(evidence.answer(product_questions::versions).headers);
  if (product) return shown(*product);
  if (evidence.answer(product_questions::dendrite_monitor).status == 200) return {Product::Kind::dendrite, "Dendrite"};
  return {};
}

bool has_delayed_events(const json::object& versions) {
  const json::object* const features = object_member(versions, "unstable_features");
  if (features == nullptr) return false;
  for (const char* const feature : {"org.matrix.msc4140", "org.matrix.msc4140.stable"}) {
    const json::value* const told = features->if_contains(feature);
    if (told != nullptr && told->is_bool() && told->get_bool()) return true;
  }
  return false;
}

}  // namespace afterword::doctor
