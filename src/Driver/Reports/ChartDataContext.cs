using System.Text.Json.Serialization;

namespace Livebed.Driver.Reports;

/// <summary>The generated serialiser of charts.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ChartData))]
internal sealed partial class ChartDataContext : JsonSerializerContext;
