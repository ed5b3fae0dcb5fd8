using System.Globalization;
using Livebed.Linux.Processes;

namespace Livebed.Linux.Recording;

/// <summary>
/// How much longer intervals become on a machine that keeps the recorded process waiting for a processor. After each look its writes are
/// page faults, once a page. What it runs between two looks must be worth them, or it does little else: so an interval is as long as it
/// takes the process to run as it would in one on a machine with room.
/// </summary>
/// <param name="process">that is recorded</param>
internal sealed class Forbearance(int process)
{
    private const double Least = 1.5;
    private const double Most = 20;

    private SchedulerTimes _last = SchedulerTimes.Of(process);

    /// <summary>1 on a machine with room.</summary>
    public double Factor { get; private set; } = 1;

    /// <summary>The largest that there was.</summary>
    public double Worst { get; private set; } = 1;

    /// <summary>In words; null where there was room at all times.</summary>
    public string? Note => Worst > 1
        ? string.Create(
            CultureInfo.InvariantCulture,
            $"the machine kept it waiting for a processor, so intervals were up to {Worst:0.#} times as long; --interval keeps them")
        : null;

    /// <summary>Looks at what became of it since the last time.</summary>
    public void Update()
    {
        var now = SchedulerTimes.Of(process);
        Factor = FactorOf(now.RanNanoseconds - _last.RanNanoseconds, now.WaitedNanoseconds - _last.WaitedNanoseconds);
        Worst = Math.Max(Worst, Factor);
        _last = now;
    }

    /// <param name="ran">nanoseconds</param>
    /// <param name="waited">nanoseconds; less than before where a thread has ended</param>
    public static double FactorOf(long ran, long waited)
    {
        if (ran <= 0 || waited <= 0) return 1;
        var factor = 1 + (double)waited / ran;
        return factor < Least ? 1 : Math.Min(factor, Most);
    }
}
