using Livebed.Kvm.Addresses;
using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// A guest that writes at a constant rate: the analytic model. Without a hot set, with plain clears and d bytes a second over a link of b,
/// round n sends V (d/b)^n bytes, see <see cref="GeometricModel"/>. Everything is counted in expectation, in fractions of pages that are
/// carried on.
/// <para>With manual protection writes are taken to fall evenly on the hot set (or the memory), so of the pages that are sent in a round,
/// those written before their turn do not count.</para>
/// </summary>
/// <param name="Writes">distinct pages over time</param>
public sealed record SteadyWorkload(WorkingSet Writes) : IForecastWorkload
{
    /// <exception cref="ArgumentOutOfRangeException">The settings name no memory: this workload has none of its own.</exception>
    public IForecastGuest Start(MigrationParameters parameters, ForecastSettings settings)
    {
        _ = PagesOf(settings);
        return new Guest(Writes with { PagesPerSecond = Writes.PagesPerSecond * settings.Speed }, settings);
    }

    public long PagesOf(ForecastSettings settings)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(settings.MemoryPages, nameof(settings));
        return settings.MemoryPages;
    }

    public double RepeatsAfterMicroseconds(ForecastSettings settings) =>
        Math.Min(Writes.HotPages, PagesOf(settings)) / Writes.PagesPerSecond * 1e6;

    public IWriteStream StartWrites(ForecastSettings settings) => new SteadyWrites(Writes, PagesOf(settings), settings.Budget);

    public PageSet ZeroPages(ForecastSettings settings, bool isFromTrace)
    {
        var zero = new PageSet(PagesOf(settings));
        ZeroSpread.AddShare(zero, settings.ZeroShare);
        return zero;
    }

    private sealed class Guest(WorkingSet writes, ForecastSettings settings) : IForecastGuest
    {
        private readonly double _hotPages = Math.Min(writes.HotPages, settings.MemoryPages);
        private bool _isFirstRound = true;
        private double _carry;

        public long DirtyPages { get; private set; } = settings.MemoryPages;

        /// <summary>Single pages, far from each other.</summary>
        public long DirtyRuns => DirtyPages;

        public RoundTraffic SendRound(double bytesPerSecond, ThrottledRate pace, double endSeconds = 0)
        {
            var pages = DirtyPages;
            var zero = _isFirstRound ? (long)(pages * settings.ZeroShare) : 0;
            var bytes = zero * WireFormat.ZeroPageBytes + (pages - zero) * WireFormat.PageBytes(settings.PageSize);
            var seconds = bytes / bytesPerSecond + endSeconds;
            var rate = writes.PagesPerSecond * pace.ClockShare;
            if (pace.DirtyPagesPerSecond > 0) rate = Math.Min(rate, pace.DirtyPagesPerSecond);
            var slowed = writes with { PagesPerSecond = rate };
            var dirtied = Math.Min(Dirtied(slowed, pages, seconds) + _carry, _hotPages);
            DirtyPages = (long)dirtied;
            _carry = dirtied - DirtyPages;
            _isFirstRound = false;
            var lost = writes.PagesPerSecond > 0 ? seconds * (1 - rate / writes.PagesPerSecond) : seconds * (1 - pace.ClockShare);
            return new RoundTraffic(pages, zero, bytes, seconds, lost);
        }

        /// <summary>While the push goes, ever fewer pages are missing: half of what is written on average meets one, as far as the writes
        /// meet the missing pages.</summary>
        public PushTraffic Push(double bytesPerSecond)
        {
            var bytes = DirtyPages * WireFormat.PageBytes(settings.PageSize);
            var seconds = bytes / bytesPerSecond;
            var requests = (long)Math.Min(DirtyPages, writes.WrittenOnAverage(seconds) * Math.Min(1, DirtyPages / _hotPages));
            var blocked = settings.FaultLatencyMicroseconds / 1e6 + WireFormat.PageBytes(settings.PageSize) / bytesPerSecond;
            return new PushTraffic(DirtyPages, bytes, seconds, requests, requests * blocked);
        }

        private double Dirtied(WorkingSet slowed, long sent, double seconds)
        {
            if (settings.Clear == DirtyLogClear.Plain) return slowed.Written(seconds);
            var sentShare = Math.Min(1, sent / _hotPages);
            return slowed.Written(seconds) * (1 - sentShare) + slowed.WrittenOnAverage(seconds) * sentShare;
        }
    }
}
