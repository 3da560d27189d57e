#include "doctor/product.h"

namespace afterword::doctor {
namespace {

Product::Kind kind_of(std::string_view name) {
  if (name == "Synapse") return Product::Kind::synapse;
  if (name == "Dendrite") return Product::Kind::dendrite;
  return Product::Kind::other;
}

// "Synapse 1.163.2": without what stands behind the version itself.
Product named(std::string_view name, std::string_view version) {
  version = version.substr(0, version.find(' '));
  std::string text = printable(name);
  if (!version.empty()) text.append(" ").append(printable(version));
  return {kind_of(name), text};
}

}  // namespace

std::vector<Question> questions_about_product() {
  return {product_questions::versions, product_questions::federation_version, product_questions::dendrite_monitor};
}

Product product_of(const Evidence& evidence) {
  const json::object* const told = object_member(evidence.answer(product_questions::federation_version).body, "server");
  const auto name = told != nullptr ? string_member(*told, "name") : std::nullopt;
  if (name) return named(*name, string_member(*told, "version").value_or(""));

  // Federation may be off, or served elsewhere.
  constexpr std::string_view synapse = "Synapse/";
  for (const http::Header& header : evidence.answer(product_questions::versions).headers) {
    if (http::equal_ignoring_case(header.name, "Server") && header.value.starts_with(synapse)) {
      return named("Synapse", std::string_view(header.value).substr(synapse.size()));
    }
  }
  if (evidence.answer(product_questions::dendrite_monitor).status == 200) return named("Dendrite", "");
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
