using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Livebed.Kvm.Files;

/// <summary>
/// JSON that a user names, read into a type. Whatever does not fit is a <see cref="JsonException"/>, so that no part of the program meets
/// a null or a type that it does not expect. The serializer itself lets some through: items of a list that are null, and text that is not
/// Unicode.
/// </summary>
public static class InputJson
{
    /// <param name="text">UTF-8</param>
    /// <param name="type">with options that respect nullable annotations</param>
    /// <exception cref="JsonException">The text is no JSON, or other than the type says.</exception>
    public static T Read<T>(ReadOnlyMemory<byte> text, JsonTypeInfo<T> type) where T : class
    {
        try
        {
            using (var document = JsonDocument.Parse(text)) RefuseNullItems(document.RootElement, "$");
            return JsonSerializer.Deserialize(text.Span, type) ?? throw new JsonException("the file says null");
        }
        catch (Exception exception) when (
            exception is InvalidOperationException or NotSupportedException or FormatException or OverflowException or ArgumentException)
        {
            throw new JsonException(exception.Message, exception);
        }
    }

    private static void RefuseNullItems(JsonElement element, string path)
    {
        if (element.ValueKind == JsonValueKind.Object)
            foreach (var property in element.EnumerateObject())
                RefuseNullItems(property.Value, $"{path}.{property.Name}");
        if (element.ValueKind != JsonValueKind.Array) return;
        var index = 0;
        foreach (var item in element.EnumerateArray())
        {
            var place = $"{path}[{index++}]";
            if (item.ValueKind == JsonValueKind.Null) throw new JsonException("a list has an item that is null", place, null, null);
            RefuseNullItems(item, place);
        }
    }
}
