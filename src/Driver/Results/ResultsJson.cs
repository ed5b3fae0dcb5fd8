using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Livebed.Driver.Campaigns;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Files;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Results;

/// <summary>
/// results.json as text and back, by source-generated code: camelCase, indented, in the order of the properties, enums in kebab-case.
/// A field without a value is null, never absent.
/// </summary>
public static class ResultsJson
{
    // The file is read by people and by jq, never pasted into HTML unescaped: quotes and arrows stay readable.
    private static readonly ResultsJsonContext _context = new(new JsonSerializerOptions(ResultsJsonContext.Default.Options)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static string Write(RunResults results) => JsonSerializer.Serialize(results, _context.RunResults) + "\n";

    /// <summary>Throws <see cref="JsonException"/> when the text is no results.json.</summary>
    public static RunResults Read(string text) => Read(Encoding.UTF8.GetBytes(text));

    /// <summary>Throws <see cref="JsonException"/> when the text, in UTF-8, is no results.json.</summary>
    public static RunResults Read(ReadOnlyMemory<byte> text)
    {
        var results = InputJson.Read(text, _context.RunResults);
        foreach (var (operation, latency) in results.LatencyMicroseconds)
            if (latency is null) throw new JsonException("is null", $"$.latencyMicroseconds.{operation}", null, null);
        return results;
    }
}

/// <summary>The generated serialiser of results.json.</summary>
[JsonSourceGenerationOptions(
    WriteIndented = true,
    NewLine = "\n",
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false,
    Converters =
    [
        typeof(KebabCase<VerdictKind>), typeof(KebabCase<HangKind>), typeof(KebabCase<Placement>), typeof(KebabCase<MigrationStatus>),
        typeof(KebabCase<GapReason>), typeof(KebabCase<ForecastVerdict>),
    ])]
[JsonSerializable(typeof(RunResults))]
internal sealed partial class ResultsJsonContext : JsonSerializerContext;

/// <summary>Enums of results.json are kebab-case words, and numbers are refused.</summary>
internal sealed class KebabCase<T>()
    : JsonStringEnumConverter<T>(KebabCase.InJson, allowIntegerValues: false) where T : struct, Enum;
