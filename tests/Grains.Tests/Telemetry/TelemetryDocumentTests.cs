using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using Livebed.Grains.Telemetry;

namespace Livebed.Grains.Tests.Telemetry;

/// <summary>docs/telemetry.md and the constants say the same, both ways.</summary>
public sealed partial class TelemetryDocumentTests
{
    [Theory]
    [InlineData("Spans", typeof(SpanNames))]
    [InlineData("Events", typeof(EventNames))]
    [InlineData("Attributes", typeof(AttributeNames))]
    [InlineData("Metrics", typeof(MetricNames))]
    public void The_table_lists_the_constants_and_nothing_else(string heading, Type constants)
    {
        var inCode = constants.GetFields().Where(field => field.IsLiteral).Select(field => (string)field.GetRawConstantValue()!);
        Assert.Equal(inCode.Order(StringComparer.Ordinal), Documented(heading).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_instrument_of_the_meter_is_documented()
    {
        var instruments = new List<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Name == LivebedTelemetry.SourceName) instruments.Add(instrument.Name);
            },
        };
        LivebedTelemetry.TurnWait.Record(1);
        listener.Start();
        Assert.Equal(Documented("Metrics").Order(StringComparer.Ordinal), instruments.Order(StringComparer.Ordinal));
    }

    private static List<string> Documented(string heading)
    {
        var section = Document().Split("\n## ").Single(part => part.StartsWith(heading + "\n", StringComparison.Ordinal));
        return FirstColumn().Matches(section).Select(match => match.Groups[1].Value).ToList();
    }

    private static string Document()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Cluster.sln")))
            folder = folder.Parent ?? throw new DirectoryNotFoundException("no Cluster.sln above the tests");
        return File.ReadAllText(Path.Combine(folder.FullName, "docs", "telemetry.md"));
    }

    [GeneratedRegex(@"^\| `([^`]+)`", RegexOptions.Multiline)]
    private static partial Regex FirstColumn();
}
