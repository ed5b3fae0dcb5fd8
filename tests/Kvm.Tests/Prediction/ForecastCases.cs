using System.Globalization;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;
using Livebed.Kvm.Tests.Guests;

namespace Livebed.Kvm.Tests.Prediction;

/// <summary>Workloads and parameters that can be computed by hand: the link carries 100 pages a millisecond.</summary>
internal static class ForecastCases
{
    public const long PageBytes = 4096 + WireFormat.PageHeaderBytes;
    public const long Bandwidth = PageBytes * 100 * 1000;
    public const int MemoryPages = 20_000;

    /// <summary>100 pages of downtime.</summary>
    public static MigrationParameters Parameters { get; } =
        new() { MaxBandwidth = Bandwidth, DowntimeLimitMicroseconds = 1_000, TimeLimitMicroseconds = 60_000_000, Channels = 1 };

    public static ForecastSettings Plain { get; } = new() { Clear = DirtyLogClear.Plain };

    /// <summary>A sweep over the memory, again and again, at a share of the bandwidth.</summary>
    public static DirtyTimeline Sweep(double share)
    {
        var pagesOfInterval = (int)Math.Round(share * 1000);
        var lines = Enumerable.Range(0, 200).Select(interval =>
        {
            var first = interval * pagesOfInterval % MemoryPages;
            var straight = Math.Min(pagesOfInterval, MemoryPages - first);
            var wrapped = straight < pagesOfInterval ? $" 0+{pagesOfInterval - straight}" : "";
            return string.Create(CultureInfo.InvariantCulture, $"{interval * 10_000}{wrapped} {first}+{straight}");
        });
        return Load(MemoryPages, [.. lines]);
    }

    public static SteadyWorkload Steady(double share) => new(new WorkingSet(share * 100_000, double.PositiveInfinity));

    public static DirtyTimeline Load(long pages, params string[] lines)
    {
        using var file = TraceFile.Of(pages, lines);
        return DirtyTimeline.Load(file.Path);
    }

    public static GeometricModel Geometric(double share) => new(MemoryPages * PageBytes, share * Bandwidth, Bandwidth, 0.001);
}
