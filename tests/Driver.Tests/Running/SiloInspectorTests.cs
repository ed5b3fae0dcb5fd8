using Livebed.Driver.Results;
using Livebed.Driver.Running;
using Livebed.Grains.Telemetry;

namespace Livebed.Driver.Tests.Running;

/// <summary>What the results say of bounds that silos reached.</summary>
public sealed class SiloInspectorTests
{
    [Fact]
    public void Spans_that_were_kept_out_are_a_limit_that_was_hit_summed_over_silos()
    {
        SiloResult[] silos = [Silo((SpanLimit.Rate, 5), (SpanLimit.TraceBudget, 2)), Silo(), Silo((SpanLimit.Rate, 7))];
        Assert.Equal(
            [("promotedSpans", 12L), ("traceSpans", 2L)],
            SiloInspector.SpansSuppressed(silos, driver: null).Select(hit => (hit.Limit, hit.Times)));
        Assert.Empty(SiloInspector.SpansSuppressed([Silo()], new SuppressedSpans()));
    }

    private static SiloResult Silo(params (SpanLimit Limit, long Times)[] suppressed) => new("silo-0", "", 1, ContactLost: false)
    {
        SpansSuppressed = suppressed.ToDictionary(entry => entry.Limit, entry => entry.Times),
    };
}
