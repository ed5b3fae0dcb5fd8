using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Witnesses;

/// <summary>
/// Writes one schedule down: every step, every lock operation, what was done to the model's state, and where an invariant broke. The same
/// schedule gives the same log. An event belongs to the lane of its operation and not to the lane that runs: a lock is handed over in the
/// releasing lane's step and belongs to the lane that gets it. The set-up is left out, and so is the clean-up, unless it finds something.
/// </summary>
public sealed class EventLog : IScheduleTrace
{
    /// <summary>Entries kept; a schedule has at most some 20 000 steps.</summary>
    public const int EntriesMax = 250_000;

    /// <summary>The lane of what comes after all actors are done.</summary>
    public const string AfterAll = "at the end";

    private readonly VirtualWorld _world;
    private readonly List<WitnessEntry> _entries = [];
    private readonly Dictionary<OperationId, string> _lanes = [];
    private readonly List<Hold> _holds = [];
    private readonly List<Hold> _queued = [];
    private string _running = "";
    private int _violations;
    private bool _isAfterAll;

    /// <summary>Listens to a world in which nothing has run yet.</summary>
    public EventLog(VirtualWorld world)
    {
        _world = world;
        world.Trace = this;
    }

    public IReadOnlyList<WitnessEntry> Entries => _entries;

    /// <summary>What happened when the log was full already.</summary>
    public long Dropped { get; private set; }

    /// <summary>Locks that a lane holds now, "mmu_lock (read)".</summary>
    public IReadOnlyList<string> HeldBy(string lane) =>
        [.. _holds.Where(hold => LaneOf(hold.Operation) == lane).Select(hold => hold.ToString())];

    /// <summary>The lane that ran an operation; null when it was never heard of.</summary>
    public string? LaneOf(OperationId operation) => _lanes.GetValueOrDefault(operation);

    public void Stepped(Lane lane, StepCause cause)
    {
        AddViolations();
        _running = lane.Name;
        Add(_running, WitnessKind.Step, cause == StepCause.Start ? "begins" : $"goes on ({cause})");
    }

    public void Began(string what)
    {
        if (_world.Current is null) (_running, _isAfterAll) = (AfterAll, true);
        Add(_running, WitnessKind.Operation, what);
    }

    public void Note(Operation? op, string text) => Add(LaneOf(op), WitnessKind.Note, text);

    public void Lock(Operation op, LockStep step, LockClass lockClass, string instance, LockMode mode)
    {
        // The first thing that an operation does it does in its own lane.
        var lane = LaneOf(op);
        var hold = new Hold(op.Id, lockClass, instance, mode);
        // Reads nest, and a re-initialised lock is not released: there may be several holds, or none.
        if (step == LockStep.Acquired) _holds.Add(hold);
        else if (step == LockStep.Released) _holds.Remove(hold);
        if (step == LockStep.Acquired) _queued.Remove(hold);
        if (_isAfterAll) return;
        switch (step)
        {
            case LockStep.Waits:
                Add(lane, WitnessKind.Waits, $"{hold}, {BlockersOf(hold)}");
                _queued.Add(hold);
                break;
            case LockStep.Acquired when lane != _running:
                Add(lane, WitnessKind.Gets, $"{hold}, from {_running}");
                break;
            default:
                Add(lane, step == LockStep.Acquired ? WitnessKind.Takes : WitnessKind.Drops, hold.ToString());
                break;
        }
    }

    /// <summary>To be called when the schedule has ended: what was violated last is written down too.</summary>
    public void Complete()
    {
        AddViolations();
        // What tidying up did is of interest only if it found something.
        var keep = _entries.FindLastIndex(entry => entry.Lane != AfterAll || entry.Kind == WitnessKind.Violation) + 1;
        _entries.RemoveRange(keep, _entries.Count - keep);
    }

    /// <summary>Where two logs of what should be the same schedule first differ; null when they do not.</summary>
    public static string? FirstDifference(EventLog first, EventLog second)
    {
        for (var i = 0; i < Math.Max(first._entries.Count, second._entries.Count); i++)
        {
            var (left, right) = (first.EntryAt(i), second.EntryAt(i));
            if (left != right)
                return $"entry {i + 1}: \"{left?.ToString() ?? "nothing"}\" the first time, "
                    + $"\"{right?.ToString() ?? "nothing"}\" the second";
        }

        return null;
    }

    private WitnessEntry? EntryAt(int index) => index < _entries.Count ? _entries[index] : null;

    private bool IsSettingUp => _world.Steps == 0 && !_isAfterAll;

    private string LaneOf(Operation? op)
    {
        if (op is null || op.Id.IsNone || _isAfterAll) return _running;
        if (_lanes.TryGetValue(op.Id, out var lane)) return lane;
        if (!IsSettingUp) _lanes[op.Id] = _running;
        return _running;
    }

    private void AddViolations()
    {
        while (_violations < _world.Violations.Count)
        {
            var violation = _world.Violations[_violations++];
            Append(_running, WitnessKind.Violation, $"{violation.Invariant}: {violation.Message}");
        }
    }

    private void Add(string lane, WitnessKind kind, string text)
    {
        if (IsSettingUp) return;
        AddViolations();
        Append(lane, kind, text);
    }

    private void Append(string lane, WitnessKind kind, string text)
    {
        if (_entries.Count < EntriesMax || kind == WitnessKind.Violation) _entries.Add(new WitnessEntry(_world.Steps, lane, kind, text));
        else Dropped++;
    }

    /// <summary>The holders in a mode that excludes this one; a reader may instead queue behind a waiting writer.</summary>
    private string BlockersOf(Hold wanted)
    {
        var (holders, queued) = (LanesOf(_holds, wanted), LanesOf(_queued, wanted));
        if (holders.Count > 0) return $"held by {string.Join(", ", holders)}";
        return queued.Count > 0 ? $"behind {string.Join(", ", queued)} in the queue" : "behind others";
    }

    private List<string> LanesOf(List<Hold> holds, Hold wanted) =>
        [.. holds.Where(hold => hold.Excludes(wanted)).Select(hold => LaneOf(hold.Operation) ?? "the set-up").Distinct()];

    private readonly record struct Hold(OperationId Operation, LockClass Class, string Instance, LockMode Mode)
    {
        public bool Excludes(Hold other) =>
            Class == other.Class && Instance == other.Instance && (Mode == LockMode.Write || other.Mode == LockMode.Write);

        /// <summary>Most scenes have one VM; then the owner of a lock says nothing new.</summary>
        public override string ToString()
        {
            var owner = Instance is "host-0" or "vm-1" || Instance.StartsWith("mm-1 ", StringComparison.Ordinal) ? "" : $" of {Instance}";
            return Mode == LockMode.Read ? $"{Class.Name}{owner} (read)" : $"{Class.Name}{owner}";
        }
    }
}
