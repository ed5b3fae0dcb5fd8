using System.Globalization;
using Livebed.Kvm.Guests;

namespace Livebed.Linux.Recording;

/// <summary>What a recording saw, and what it cost.</summary>
public sealed class RecordOutcome
{
    private readonly RecordedIntervals _intervals;

    internal RecordOutcome(
        RecordEnd end, RecordedIntervals intervals, string name, string backend, string memory, DateTimeOffset startedAt, TimeSpan interval,
        TimeSpan longest, TimeSpan processorTime, long faults, double injectedMicroseconds, double? faultMicroseconds,
        double? slowdown, TimeSpan missed)
    {
        (End, _intervals, Name, Backend, Memory) = (end, intervals, name, backend, memory);
        (StartedAt, Interval, Longest, ProcessorTime) = (startedAt, interval, longest, processorTime);
        (Faults, InjectedMicroseconds, FaultMicroseconds, Slowdown) = (faults, injectedMicroseconds, faultMicroseconds, slowdown);
        Missed = missed;
        Header = intervals.Header(name, Source, backend, startedAt) with
        {
            Slowdown = slowdown is { } share ? Math.Round(share, 3) : null,
        };
    }

    public RecordEnd End { get; }

    public string Name { get; }

    public string Backend { get; }

    /// <summary>What was recorded, for people.</summary>
    public string Memory { get; }

    public DateTimeOffset StartedAt { get; }

    /// <summary>From one look to the next, as it was asked for.</summary>
    public TimeSpan Interval { get; }

    /// <summary>From one look to the next, as it was kept: the mean.</summary>
    public TimeSpan KeptInterval => Duration / Intervals;

    /// <summary>The longest that there was.</summary>
    public TimeSpan Longest { get; }

    /// <summary>Processor time of this process.</summary>
    public TimeSpan ProcessorTime { get; }

    /// <summary>Minor page faults of the recorded process meanwhile: those of the recording and its own; 0 where it has ended.</summary>
    public long Faults { get; }

    /// <summary>How long a thread of the process stood still for the recording.</summary>
    public double InjectedMicroseconds { get; }

    /// <summary>What a page fault costs the process, as it was measured; null where looks cost it none.</summary>
    public double? FaultMicroseconds { get; }

    /// <summary>How much longer the process's work took, by the faults that looks cost it; null where they cost it none.</summary>
    public double? Slowdown { get; }

    /// <summary>How long the process went on behind the last look: what it wrote then is not recorded.</summary>
    public TimeSpan Missed { get; }

    public DirtyPageTraceHeader Header { get; }

    public int Intervals => _intervals.Count;

    public long PageWrites => _intervals.PageWrites;

    /// <summary>Until the last look.</summary>
    public TimeSpan Duration => TimeSpan.FromMicroseconds(_intervals.DurationMicroseconds);

    private string Source => string.Create(
        CultureInfo.InvariantCulture,
        $"livebed record, {Memory}, Linux {Environment.OSVersion.Version}, every {KeptInterval.TotalMilliseconds:0.#} ms "
            + $"(asked for {Interval.TotalMilliseconds:0.#} ms)");

    /// <summary>Writes the trace.</summary>
    /// <param name="stream">is left open</param>
    /// <exception cref="IOException">There is no room.</exception>
    public void Write(Stream stream) => DirtyPageTraceWriter.Write(stream, Header, _intervals.Intervals());
}
