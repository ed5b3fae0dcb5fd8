using Livebed.Kvm.Locks;

namespace Livebed.Explorer.Pricing.Worlds;

/// <summary>What a thread is doing.</summary>
internal enum ThreadState : byte
{
    /// <summary>On a CPU, or about to do what it has been charged for.</summary>
    Running,

    /// <summary>On a CPU, waiting for a lock or for other CPUs.</summary>
    Spinning,

    /// <summary>Without a CPU, waiting for another thread.</summary>
    Sleeping,

    /// <summary>Without a CPU, for a time.</summary>
    Pausing,

    /// <summary>Ready, and without a CPU.</summary>
    Queued,

    Done,
}

/// <summary>
/// A thread of the priced world: a chain of continuations, like a <see cref="Scheduling.Lane"/>, with a CPU and a list of steps that still
/// have to happen in time. A lock that is granted finds the thread by it being a synchronization context.
/// </summary>
public sealed class PricedThread : SynchronizationContext
{
    private Charge[] _charges = new Charge[8];
    private int _first;
    private int _count;

    internal PricedThread(PricedWorld world, int id, string name, Func<ValueTask> body)
    {
        (World, Id, Name, Body) = (world, id, name, body);
        Times = new long[Enum.GetValues<Account>().Length];
    }

    public int Id { get; }
    public string Name { get; }

    /// <summary>Nanoseconds by <see cref="Account"/>.</summary>
    public long[] Times { get; }

    internal PricedWorld World { get; }
    internal Func<ValueTask> Body { get; }
    internal ThreadState State { get; set; }

    /// <summary>-1 while it has none.</summary>
    internal int Cpu { get; set; } = -1;

    internal int LastCpu { get; set; } = -1;

    /// <summary>Since when it is in a state that has an account of its own.</summary>
    internal long Since { get; set; }

    internal long SliceEnds { get; set; }

    /// <summary>Of its event in the queue; an event with another is void.</summary>
    internal int Stamp { get; set; }

    /// <summary>An event of it is in the queue.</summary>
    internal bool IsScheduled { get; set; }

    /// <summary>What it waits for next is waited for on the CPU.</summary>
    internal bool Spins { get; set; }

    /// <summary>Spin locks that it holds: it is not preempted.</summary>
    internal int AtomicHolds { get; set; }

    internal bool IsGoingToSleep { get; set; }
    internal bool NeedsCpu { get; set; }

    /// <summary>Host PTEs that it has changed since TLBs were flushed for them.</summary>
    internal long PteChanges { get; set; }
    internal bool IsOver { get; set; }
    internal Queue<Continuation> Continuations { get; } = new(2);
    internal List<(LockClass Class, LockMode Mode, long Since)> Holds { get; } = [];

    /// <summary>Entries into the guest so far; the guest is in it while <see cref="IsInGuest"/>.</summary>
    internal long GuestEntries { get; set; }

    internal bool IsInGuest { get; set; }

    /// <summary>Guest time that an interrupt has put off.</summary>
    internal long GuestOwed { get; set; }

    /// <summary>An interrupt took it out of the guest: the way back is to be paid for.</summary>
    internal bool OwesEntry { get; set; }

    /// <summary>An interrupt came on the way into the guest.</summary>
    internal bool IsKicked { get; set; }

    internal bool HasCharges => _count > 0;

    internal ref Charge First => ref _charges[_first];

    /// <summary>What it has been charged, added up; locks' lines not counted.</summary>
    internal long ChargedNanoseconds
    {
        get
        {
            var sum = 0L;
            for (var i = 0; i < _count; i++) sum += _charges[(_first + i) % _charges.Length].Nanoseconds;
            return sum;
        }
    }

    internal void Add(in Charge charge)
    {
        Grow();
        _charges[(_first + _count++) % _charges.Length] = charge;
    }

    /// <summary>Time on the CPU; joined with the last charge where that is of the same account.</summary>
    internal void AddWork(long nanoseconds, Account account)
    {
        if (nanoseconds <= 0) return;
        if (_count > 0)
        {
            ref var last = ref _charges[(_first + _count - 1) % _charges.Length];
            if (last.Kind == ChargeKind.Work && !last.IsBegun && !last.IsGuest && last.Account == account)
            {
                last.Nanoseconds += nanoseconds;
                return;
            }
        }

        Add(new Charge { Kind = ChargeKind.Work, Account = account, Nanoseconds = nanoseconds });
    }

    internal void AddFirst(in Charge charge)
    {
        Grow();
        _first = (_first + _charges.Length - 1) % _charges.Length;
        _count++;
        _charges[_first] = charge;
    }

    internal void RemoveFirst()
    {
        _charges[_first] = default;
        _first = (_first + 1) % _charges.Length;
        _count--;
    }

    public override void Post(SendOrPostCallback d, object? state) => World.Wake(this, new Continuation(d, state));

    public override void Send(SendOrPostCallback d, object? state) =>
        throw new NotSupportedException("there is one thread, and it is running");

    public override SynchronizationContext CreateCopy() => this;

    public override string ToString() => Name;

    private void Grow()
    {
        if (_count < _charges.Length) return;
        var larger = new Charge[2 * _charges.Length];
        for (var i = 0; i < _count; i++) larger[i] = _charges[(_first + i) % _charges.Length];
        (_charges, _first) = (larger, 0);
    }
}
