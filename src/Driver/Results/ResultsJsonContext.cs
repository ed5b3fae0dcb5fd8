using System.Text.Json.Serialization;
using Livebed.Driver.Campaigns;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Migration.Prediction;

namespace Livebed.Driver.Results;

/// <summary>The generated serialiser of results.json.</summary>
[JsonSourceGenerationOptions(
    WriteIndented = true,
    NewLine = "\n",
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    Converters =
    [
        typeof(KebabCase<VerdictKind>), typeof(KebabCase<HangKind>), typeof(KebabCase<Placement>), typeof(KebabCase<MigrationStatus>),
        typeof(KebabCase<GapReason>), typeof(KebabCase<ForecastVerdict>),
    ])]
[JsonSerializable(typeof(RunResults))]
internal sealed partial class ResultsJsonContext : JsonSerializerContext;
