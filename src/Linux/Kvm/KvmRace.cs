namespace Livebed.Linux.Kvm;

/// <summary>
/// A guest writes while the log is read and something happens to its memory. User space does what a migration does: it reads the log,
/// re-protects, then copies the pages that were reported. Two invariants are judged when the guest has stopped and the log was read for the
/// last time: a page that is not in the last report holds what was copied last (no write is lost), and every page holds the newest value
/// that its writer gave it, where nothing took it away (no write goes elsewhere). Each vCPU has a thread and pages of its own.
/// Beside KSM it writes one value to several pages, and lets most of its pages rest by turns, so that there are equal pages which have not
/// changed for some of ksmd's visits: these are merged, and written later.
/// </summary>
/// <param name="device"><c>/dev/kvm</c></param>
/// <param name="options">of the race</param>
public sealed class KvmRace(KvmDevice device, KvmRaceOptions options)
{
    private const int CodeSlot = 32762;
    private const int RingEntries = 1024;
    private const int Slot = 1;
    private const long Place = 16;
    private const long OtherPlace = 4096;
    private const int Pages = 256;

    /// <summary>What a signal waits for: entries to be reset, and then a part of the time that their reset takes.</summary>
    private const int WritesPerSignal = 96;
    private const int SignalMicrosecondsMax = 600;
    private const long WaitMilliseconds = 1_000;

    /// <summary>Beside KSM: writes of one value, and parts of a vCPU's pages, of which one is written to while KSM scans three times. ksmd
    /// visits a page that it often could not merge at every ninth scan only, and merges it when it is the same twice.</summary>
    private const int WritesOfOneValue = 64;
    private const int Parts = 8;

    private readonly uint[] _copied = new uint[Pages];
    private readonly uint[] _newest = new uint[Pages];
    private readonly bool[] _wasTaken = new bool[Pages];
    private readonly bool[] _isDirty = new bool[Pages];
    private readonly KvmRaceCounts _counts = new();
    private long _place = Place;
    private Action? _signal;
    private volatile int _part;
    private volatile bool _isOver;

    /// <summary>Runs it.</summary>
    /// <param name="stop">ends it early</param>
    /// <exception cref="KvmException">KVM does not do what it needs.</exception>
    public KvmRaceCounts Run(CancellationToken stop)
    {
        using var machine = new KvmMachine(
            device, new KvmMachineOptions(options.Log, options.Vcpus, Pages, KvmBacking.Private, CodeSlot, RingEntries));
        Require(machine.SetSlot(Slot, Place, Pages, 0, KvmMachine.LogDirtyPages));
        Array.Fill(_isDirty, true);
        var failures = new List<Exception>();
        var guests = Enumerable.Range(0, options.Vcpus)
            .Select(vcpu => new Thread(() => Guarded(() => RunGuest(machine, vcpu), failures))).ToList();
        foreach (var guest in guests) guest.Start();
        var random = new Random(options.Seed);
        // On this thread, which reads and resets the log.
        using var interrupter = options.Disturbance == KvmDisturbance.Signal ? new ThreadInterrupter() : null;
        _signal = interrupter is null
            ? null
            : () => interrupter.SignalIn(TimeSpan.FromMicroseconds(1 + random.Next(SignalMicrosecondsMax)));
        using var merged = options.Disturbance == KvmDisturbance.Merge ? new MergedPages(machine, Pages) : null;
        var begun = Environment.TickCount64;
        while (!stop.IsCancellationRequested && Environment.TickCount64 - begun < options.Duration.TotalMilliseconds && failures.Count == 0)
        {
            Disturb(machine, random, stop);
            merged?.Look();
            Round(machine);
        }

        _isOver = true;
        foreach (var guest in guests) guest.Join();
        if (failures.Count > 0) throw failures[0] as KvmException ?? new KvmException(failures[0].Message);
        Sync(machine);
        _counts.ResetsCutShort = machine.ResetsCutShort;
        (_counts.Merged, _counts.Unshared) = (merged?.Merged ?? 0, merged?.Unshared ?? 0);
        Judge(machine);
        return _counts;
    }

    private void RunGuest(KvmMachine machine, int vcpu)
    {
        var random = new Random(options.Seed * 31 + vcpu);
        var value = 0u;
        var (own, left) = (Pages / options.Vcpus, 0);
        while (!_isOver)
        {
            if (left-- == 0) (value, left) = (value + 1, options.Disturbance == KvmDisturbance.Merge ? WritesOfOneValue - 1 : 0);
            var page = vcpu * own + PageToWrite(random, own);
            var exit = machine.Write(vcpu, Volatile.Read(ref _place) + page, value);
            if (exit == KvmExit.Done)
            {
                Volatile.Write(ref _newest[page], value);
                Interlocked.Increment(ref _counts.Writes);
            }
            else if (exit == KvmExit.RingFull)
            {
                Interlocked.Increment(ref _counts.RingFull);
                Thread.Sleep(0);
            }
            else
            {
                Interlocked.Increment(ref _counts.Refused);
            }
        }
    }

    /// <summary>Few pages, so that the same are written again and again; a reset that is to be interrupted must have something to
    /// do.</summary>
    private int PageToWrite(Random random, int own)
    {
        if (options.Disturbance == KvmDisturbance.Signal) return random.Next(own);
        if (options.Disturbance != KvmDisturbance.Merge) return random.Next(Math.Min(own, 24));
        var part = _part;
        return random.Next(part * own / Parts, (part + 1) * own / Parts);
    }

    private void Disturb(KvmMachine machine, Random random, CancellationToken stop)
    {
        var page = random.Next(Pages - 4);
        switch (options.Disturbance)
        {
            case KvmDisturbance.Move:
                _place = _place == Place ? OtherPlace : Place;
                Require(machine.SetSlot(Slot, _place, Pages, 0, KvmMachine.LogDirtyPages));
                break;
            case KvmDisturbance.Replace:
                Require(machine.SetSlot(Slot, _place, 0, 0, 0));
                Require(machine.SetSlot(Slot, _place, Pages, 0, KvmMachine.LogDirtyPages));
                // The bits went with the memslot.
                Array.Fill(_isDirty, true);
                break;
            case KvmDisturbance.DontNeed:
                for (var taken = page; taken < page + 4; taken++) _wasTaken[taken] = _isDirty[taken] = true;
                Require(machine.DontNeed(page, 4));
                break;
            case KvmDisturbance.Fork:
                Require(machine.Fork());
                break;
            case KvmDisturbance.Merge:
                Require(machine.Merge(stop));
                _part = (_part + 1) % Parts;
                break;
            case KvmDisturbance.Signal:
                var last = Interlocked.Read(ref _counts.Writes) + WritesPerSignal;
                var begun = Environment.TickCount64;
                while (Interlocked.Read(ref _counts.Writes) < last && Environment.TickCount64 - begun < WaitMilliseconds
                    && !stop.IsCancellationRequested)
                    Thread.Sleep(1);
                break;
        }

        _counts.Disturbances++;
    }

    /// <summary>Sync, and copy what is dirty: bits are taken before the pages are read.</summary>
    private void Round(KvmMachine machine)
    {
        Sync(machine);
        if (options.Log is KvmLog.Manual or KvmLog.InitiallySet) Require(machine.ClearDirtyLog(Slot, 0, Pages, page => _isDirty[page]));
        for (var page = 0; page < Pages; page++)
        {
            if (!_isDirty[page]) continue;
            _isDirty[page] = false;
            _copied[page] = machine.UserRead(page);
            _counts.Copied++;
        }

        _counts.Rounds++;
    }

    private void Sync(KvmMachine machine)
    {
        if (options.Log == KvmLog.Ring)
        {
            var entries = new List<KvmRingEntry>();
            Require(machine.ResetRings(entries, _signal));
            foreach (var entry in entries) _isDirty[entry.Page] = true;
            return;
        }

        var pages = new List<long>();
        _signal?.Invoke();
        Require(machine.GetDirtyLog(Slot, pages));
        foreach (var page in pages) _isDirty[page] = true;
    }

    private void Judge(KvmMachine machine)
    {
        for (var page = 0; page < Pages; page++)
        {
            var now = machine.UserRead(page);
            if (!_isDirty[page] && now != _copied[page]) _counts.Lost++;
            if (!_wasTaken[page] && now != _newest[page]) _counts.Wrong++;
        }
    }

    private static void Guarded(Action body, List<Exception> failures)
    {
        try
        {
            body();
        }
        catch (KvmException exception)
        {
            lock (failures) failures.Add(exception);
        }
    }

    private static void Require(int error)
    {
        if (error != 0) throw new KvmException($"a call of the race fails with error {error}");
    }
}

/// <summary>A race to be run.</summary>
/// <param name="Log">how dirty pages are tracked</param>
/// <param name="Disturbance">what happens beside the writes and the log</param>
/// <param name="Vcpus">that write, each with a thread</param>
/// <param name="Duration">of the race</param>
/// <param name="Seed">of the pages that are written and disturbed</param>
public sealed record KvmRaceOptions(KvmLog Log, KvmDisturbance Disturbance, int Vcpus, TimeSpan Duration, int Seed);

/// <summary>What happens to memory while the guest writes.</summary>
public enum KvmDisturbance
{
    None,

    /// <summary>The memslot moves there and back.</summary>
    Move,

    /// <summary>The memslot is deleted and made again.</summary>
    Replace,

    /// <summary>MADV_DONTNEED.</summary>
    DontNeed,

    /// <summary>A child that ends at once: pages are shared, and copied when they are written.</summary>
    Fork,

    /// <summary>KSM, where it is on.</summary>
    Merge,

    /// <summary>The thread that reads and resets the log gets signals all the time: since Linux 6.16 a reset of rings ends early
    /// then.</summary>
    Signal,
}

/// <summary>What a race came to.</summary>
public sealed class KvmRaceCounts
{
    internal long Writes;
    internal long RingFull;
    internal long Refused;

    /// <summary>Writes of the guest that were done, left for a full ring, and were refused or went nowhere.</summary>
    public (long Done, long RingFull, long Refused) Accesses => (Writes, RingFull, Refused);

    /// <summary>Resets of rings that a signal ended early, and that were gone on with.</summary>
    public long ResetsCutShort { get; internal set; }

    /// <summary>Pages that KSM was seen to merge, and those that were written when they were merged; both at least. 0 where the race is
    /// not beside KSM.</summary>
    public long Merged { get; internal set; }

    /// <inheritdoc cref="Merged"/>
    public long Unshared { get; internal set; }

    /// <summary>Times that the log was read.</summary>
    public long Rounds { get; internal set; }

    public long Disturbances { get; internal set; }

    /// <summary>Pages that were copied.</summary>
    public long Copied { get; internal set; }

    /// <summary>Pages that were written after their last copy, and that the last report has not.</summary>
    public long Lost { get; internal set; }

    /// <summary>Pages that do not hold the newest value that was written to them.</summary>
    public long Wrong { get; internal set; }
}
