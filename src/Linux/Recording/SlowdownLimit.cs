using System.Globalization;
using Livebed.Linux.Processes;

namespace Livebed.Linux.Recording;

/// <summary>
/// Holds what a recording costs its process below a share. Each page that a look protects costs the process a page fault when it writes
/// there again, and no more until the next look. So a look is put off while the faults of all looks before it, at a measured price each,
/// are more of the process's time than they may be: a process that has to write everything anew has done so after a while, and then runs
/// at its speed until the faults are paid for. Looks are at most <see cref="LongestInterval"/> apart: where faults come from memory that
/// was never written before, fewer looks would not make them fewer.
/// <para>The price is measured in a loop that does nothing else (<see cref="FaultPrice"/>), and so is the least that a fault costs: a
/// program finds its caches cold afterwards. Between two looks the faults cannot have cost more than what the process ran. Where it did
/// little else, that is the price.</para>
/// </summary>
/// <param name="most">how much longer its work may take; 1 is twice as long</param>
/// <param name="leastPrice">what a fault costs at least, in microseconds</param>
internal sealed class SlowdownLimit(double most, double leastPrice)
{
    public static readonly TimeSpan LongestInterval = TimeSpan.FromSeconds(10);

    // Fewer say nothing.
    private const int FaultsMin = 100;

    // Of the time between two looks, faults at the least price took a third or more.
    private const double DenseFactor = 3;

    private long _faults;
    private long _sinceLook;
    private long _denseFaults;
    private double _denseRan;
    private double _ranAtLook;

    /// <summary>Looks that were put off, each once.</summary>
    public int PutOff { get; private set; }

    public double FaultMicroseconds => _denseFaults == 0 ? leastPrice : Math.Max(leastPrice, _denseRan / _denseFaults);

    /// <summary>How much longer the process must have had before it may be looked at again, in microseconds; none or less when it may be
    /// now.</summary>
    /// <param name="time">of the process since the recording began</param>
    public double Owed(TargetTime time) => Lost * (1 + 1 / most) - time.Had;

    /// <summary>How much longer its work took so far; never less than none, and infinite where it did nothing else.</summary>
    /// <param name="time">of the process since the recording began</param>
    public double Slowdown(TargetTime time) => Lost <= 0 ? 0 : Lost < time.Had ? Lost / (time.Had - Lost) : double.PositiveInfinity;

    /// <summary>Faults that there were since the last look, when they are counted in between.</summary>
    public void Count(long pages) => _sinceLook = pages;

    /// <summary>There was a look, which found so many pages written: as many faults as there were since the one before.</summary>
    /// <param name="pages">those that the look found</param>
    /// <param name="wasPutOff">whether it was due before</param>
    /// <param name="time">of the process since the recording began</param>
    public void Looked(long pages, bool wasPutOff, TargetTime time)
    {
        var ran = time.Ran - _ranAtLook;
        _ranAtLook = time.Ran;
        if (pages >= FaultsMin && ran > 0 && ran < pages * leastPrice * DenseFactor)
            (_denseFaults, _denseRan) = (_denseFaults + pages, _denseRan + ran);
        _faults += pages;
        _sinceLook = 0;
        if (wasPutOff) PutOff++;
    }

    /// <summary>A look that was due never came: the process ended before.</summary>
    public void PutOffToTheEnd() => PutOff++;

    /// <summary>In words; null where no look was put off.</summary>
    /// <param name="slowdown">of all the recording</param>
    /// <param name="longest">interval</param>
    public string? Note(double slowdown, TimeSpan longest)
    {
        if (PutOff == 0) return null;
        var more = slowdown > most && longest >= LongestInterval
            ? "; no interval is longer than 10s, and it was slowed by more all the same"
            : "";
        var were = PutOff == 1 ? "1 interval was" : string.Create(CultureInfo.InvariantCulture, $"{PutOff:N0} intervals were");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{were} longer than asked for: a page fault costs it {FaultMicroseconds:0.0}us here, and more looks would have made its work "
                + $"take over {1 + most:0.###} times as long (--max-slowdown){more}");
    }

    private double Lost => (_faults + _sinceLook) * FaultMicroseconds;
}
