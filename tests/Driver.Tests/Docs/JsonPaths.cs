using System.Text.Json;

namespace Livebed.Driver.Tests.Docs;

/// <summary>The fields of a JSON document as the documents name them: "rows[].measured.rounds".</summary>
internal static class JsonPaths
{
    public static IEnumerable<string> Of(JsonElement element, string path = "") => element.ValueKind switch
    {
        JsonValueKind.Object =>
            element.EnumerateObject()
                .SelectMany(property => Of(property.Value, path.Length == 0 ? property.Name : $"{path}.{property.Name}")),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(item => Of(item, path + "[]")),
        _ => [path],
    };
}
