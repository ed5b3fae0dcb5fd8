using System.Diagnostics;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>The status of a migration and its figures, kept as it goes: what <c>fill_source_migration_info</c> reads.</summary>
internal sealed class MigrationRecord(
    Vm vm, RamState ram, PageChannels channels, ThrottleControl throttle, MigrationSetup setup, MigrationParameters parameters)
{
    private readonly long _began = vm.World.NowMicroseconds;
    private readonly Place _place = new(vm.World);
    private readonly List<MigrationStep> _steps = [];
    private readonly Queue<Round> _rounds = new();
    private long _roundBegan;
    private long _roundBytes;
    private long _roundPages;
    private long _roundDuplicate;
    private long _roundRingFull;
    private long _roundLinkWait;
    private long _stoppedAt = -1;
    private long _bytesAtStop;
    private long _bytesAtHandOver;
    private long _downtime;
    private long _checks;
    private long _setupTime;
    private long _ended;
    private long _epoch;
    private double _dirtyRate;
    private bool _isHandedOver;
    private bool _isTakeOverAnswered;

    public MigrationStatus Status
    {
        get
        {
            _place.Reads();
            return field;
        }

        private set
        {
            _place.Writes();
            field = value;
        }
    }

    public string Reason { get; set; } = "";
    public int Round { get; private set; } = -1;
    public long Syncs
    {
        get
        {
            _place.Reads();
            return field;
        }

        set
        {
            _place.Writes();
            field = value;
        }
    }

    public long RingFullExits { get; set; }
    public long PostcopyRequests { get; set; }
    public int PostcopyPauses { get; set; }
    public PostcopyBlocktime Blocktime { get; set; } = PostcopyBlocktime.None;
    public long ExpectedDowntimeMicroseconds { get; private set; }

    /// <summary>Bytes a microsecond.</summary>
    private double Bandwidth { get; set; }

    public long Elapsed => vm.World.NowMicroseconds - _began;

    public MigrationInfo Info => new()
    {
        Status = Status,
        Reason = Reason,
        TotalMicroseconds = MigrationStates.IsOver(Status) ? _ended : Elapsed,
        SetupMicroseconds = _setupTime,
        DowntimeMicroseconds = _downtime,
        CheckMicroseconds = _checks,
        ExpectedDowntimeMicroseconds = ExpectedDowntimeMicroseconds,
        Remaining = Status == MigrationStatus.Completed ? 0 : ram.DirtyPages * setup.PageSize,
        Total = setup.Blocks.Sum(block => block.Pages) * setup.PageSize,
        PageSize = setup.PageSize,
        PrecopyBytes = _stoppedAt < 0 ? channels.Bytes : _bytesAtStop,
        DowntimeBytes = _stoppedAt < 0 ? 0 : (_isHandedOver ? _bytesAtHandOver : channels.Bytes) - _bytesAtStop,
        PostcopyBytes = _isHandedOver ? channels.Bytes - _bytesAtHandOver : 0,
        Normal = channels.NormalPages,
        Duplicate = channels.DuplicatePages,
        DirtySyncCount = Syncs,
        DirtyPagesRate = _dirtyRate,
        CpuThrottlePercentage = throttle.Current.Percentage,
        CpuThrottlePercentageMax = throttle.PercentageMax,
        VcpuThrottledMicroseconds = throttle.SleptMicroseconds,
        PostcopyRequests = PostcopyRequests,
        PostcopyPauses = PostcopyPauses,
        PostcopyBlocktime = Blocktime,
        Epoch = _epoch,
        IsTakeOverAnswered = _isTakeOverAnswered,
        Rounds = [.. _rounds],
        Steps = [.. _steps],
    };

    /// <exception cref="UnreachableException">The table does not have this step: a defect of the migration thread.</exception>
    public void Enter(MigrationStatus next)
    {
        if (!MigrationStates.NextOf(Status).Contains(next))
            throw new UnreachableException($"a migration does not go from {Status} to {next}");
        if (Status == MigrationStatus.Setup) _setupTime = Elapsed;
        Status = next;
        _steps.Add(new MigrationStep(next, Elapsed));
        if (MigrationStates.IsOver(next)) _ended = Elapsed;
        vm.World.Trace?.Note(null, $"migration of {setup.Vm}: {next}");
    }

    /// <summary>Notes why, and gives back what the caller does next.</summary>
    public T Failed<T>(string reason, T then)
    {
        Reason = reason;
        return then;
    }

    public void RoundBegins(int round)
    {
        (Round, _roundBegan) = (round, vm.World.NowMicroseconds);
        (_roundBytes, _roundPages, _roundDuplicate) = (channels.Bytes, channels.NormalPages, channels.DuplicatePages);
        (_roundRingFull, _roundLinkWait) = (RingFullExits, channels.LinkWaitMicroseconds);
    }

    public void RoundEnds(long dirtyPages)
    {
        var microseconds = Math.Max(1, vm.World.NowMicroseconds - _roundBegan);
        var bytes = channels.Bytes - _roundBytes;
        var remaining = ram.DirtyPages * setup.PageSize;
        _dirtyRate = dirtyPages * 1e6 / microseconds;

        // A round that sent nothing says nothing about the link: the last known bandwidth stands.
        if (bytes > 0) Bandwidth = (double)bytes / microseconds;
        ExpectedDowntimeMicroseconds = remaining == 0 ? 0 : Bandwidth > 0 ? (long)(remaining / Bandwidth) : long.MaxValue;
        var duplicate = channels.DuplicatePages - _roundDuplicate;
        _rounds.Enqueue(new Round(
            Round, channels.NormalPages - _roundPages + duplicate, duplicate, bytes, microseconds, dirtyPages, remaining,
            ExpectedDowntimeMicroseconds,
            throttle.Current.Percentage, RingFullExits - _roundRingFull, throttle.Current.DirtyPagesPerSecond > 0,
            Divergence.Of([.. _rounds.Select(round => round.RemainingBytes), remaining])
                && ExpectedDowntimeMicroseconds > parameters.DowntimeLimitMicroseconds,
            channels.LinkWaitMicroseconds - _roundLinkWait));
        if (_rounds.Count > MigrationInfo.RoundsKept) _rounds.Dequeue();
    }

    public void Stopped() => (_stoppedAt, _bytesAtStop) = (vm.World.NowMicroseconds, channels.Bytes);

    public void DeviceStateSent() => _bytesAtHandOver = channels.Bytes;

    public void HandedOver(long epoch, bool isAnswered) =>
        (_isHandedOver, _isTakeOverAnswered, _epoch, _downtime) = (true, isAnswered, epoch, Stood);

    public void Kept(long epoch) => _epoch = epoch;

    /// <summary>The source runs on; the time for which it stood was downtime all the same.</summary>
    public void Resumed() => _downtime = Stood;

    /// <summary>What goes on until it is disposed is the bed's own check and no part of a migration: no downtime, though the guest
    /// stands.</summary>
    public CheckTime Check() => new(this);

    private long Stood => vm.World.NowMicroseconds - _stoppedAt - _checks;

    public readonly struct CheckTime(MigrationRecord record) : IDisposable
    {
        private readonly long _began = record.Elapsed;

        public void Dispose() => record._checks += record.Elapsed - _began;
    }
}
