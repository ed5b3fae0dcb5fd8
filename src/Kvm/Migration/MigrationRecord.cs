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
    private readonly TrackedList<MigrationStep> _steps = new(vm.World);
    private readonly TrackedList<Round> _rounds = new(vm.World);
    private Tracked<State> _state = new(
        vm.World, new State { Round = -1, StoppedAt = -1, Reason = "", Blocktime = PostcopyBlocktime.None });
    public MigrationStatus Status
    {
        get => _state.Value.Status;
        private set => _state.Changing.Status = value;
    }

    public string Reason
    {
        get => _state.Value.Reason;
        set => _state.Changing.Reason = value;
    }

    public int Round => _state.Value.Round;

    public long Syncs
    {
        get => _state.Value.Syncs;
        set => _state.Changing.Syncs = value;
    }

    public long RingFullExits
    {
        get => _state.Value.RingFullExits;
        set => _state.Changing.RingFullExits = value;
    }

    public long PostcopyRequests
    {
        get => _state.Value.PostcopyRequests;
        set => _state.Changing.PostcopyRequests = value;
    }

    public int PostcopyPauses
    {
        get => _state.Value.PostcopyPauses;
        set => _state.Changing.PostcopyPauses = value;
    }

    public PostcopyBlocktime Blocktime
    {
        get => _state.Value.Blocktime;
        set => _state.Changing.Blocktime = value;
    }

    public long ExpectedDowntimeMicroseconds => _state.Value.ExpectedDowntime;

    public long Elapsed => vm.World.NowMicroseconds - _began;

    /// <summary>To be looked at and changed, in one step.</summary>
    private ref State Now => ref _state.Changing;

    public MigrationInfo Info => new()
    {
        Status = Status,
        Reason = Reason,
        TotalMicroseconds = MigrationStates.IsOver(Status) ? _state.Value.Ended : Elapsed,
        SetupMicroseconds = _state.Value.SetupTime,
        DowntimeMicroseconds = _state.Value.Downtime,
        DowntimeParts = _state.Value.Parts,
        CheckMicroseconds = _state.Value.Checks,
        ExpectedDowntimeMicroseconds = ExpectedDowntimeMicroseconds,
        Remaining = Status == MigrationStatus.Completed ? 0 : ram.DirtyPages * setup.PageSize,
        Total = setup.Blocks.Sum(block => block.Pages) * setup.PageSize,
        PageSize = setup.PageSize,
        PrecopyBytes = _state.Value.StoppedAt < 0 ? channels.Bytes : _state.Value.BytesAtStop,
        DowntimeBytes = _state.Value.StoppedAt < 0
            ? 0
            : (_state.Value.IsHandedOver ? _state.Value.BytesAtHandOver : channels.Bytes) - _state.Value.BytesAtStop,
        PostcopyBytes = _state.Value.IsHandedOver ? channels.Bytes - _state.Value.BytesAtHandOver : 0,
        Normal = channels.NormalPages,
        Duplicate = channels.DuplicatePages,
        DirtySyncCount = Syncs,
        DirtyPagesRate = _state.Value.DirtyRate,
        CpuThrottlePercentage = throttle.Current.Percentage,
        CpuThrottlePercentageMax = throttle.PercentageMax,
        VcpuThrottledMicroseconds = throttle.SleptMicroseconds,
        PostcopyRequests = PostcopyRequests,
        PostcopyPauses = PostcopyPauses,
        PostcopyBlocktime = Blocktime,
        Epoch = _state.Value.Epoch,
        IsTakeOverAnswered = _state.Value.IsTakeOverAnswered,
        Rounds = _rounds.ToArray(),
        Steps = _steps.ToArray(),
    };

    /// <exception cref="UnreachableException">The table does not have this step: a defect of the migration thread.</exception>
    public void Enter(MigrationStatus next)
    {
        if (!MigrationStates.NextOf(Status).Contains(next))
            throw new UnreachableException($"a migration does not go from {Status} to {next}");
        if (Status == MigrationStatus.Setup) Now.SetupTime = Elapsed;
        Status = next;
        _steps.Add(new MigrationStep(next, Elapsed));
        if (MigrationStates.IsOver(next)) Now.Ended = Elapsed;
        vm.World.Trace?.Note(null, $"migration of {setup.Vm}: {next}");
    }

    /// <summary>Notes why, and gives back what the caller does next.</summary>
    public T RecordFailure<T>(string reason, T then)
    {
        Reason = reason;
        return then;
    }

    public void BeginRound(int round)
    {
        (Now.Round, Now.RoundBegan) = (round, vm.World.NowMicroseconds);
        (Now.RoundBytes, Now.RoundPages, Now.RoundDuplicate) = (channels.Bytes, channels.NormalPages, channels.DuplicatePages);
        (Now.RoundRingFull, Now.RoundLinkWait) = (RingFullExits, channels.LinkWaitMicroseconds);
    }

    public void EndRound(long dirtyPages)
    {
        var microseconds = Math.Max(1, vm.World.NowMicroseconds - Now.RoundBegan);
        var bytes = channels.Bytes - Now.RoundBytes;
        var remaining = ram.DirtyPages * setup.PageSize;
        Now.DirtyRate = dirtyPages * 1e6 / microseconds;

        // A round that sent nothing says nothing about the link: the last known bandwidth stands.
        if (bytes > 0) Now.Bandwidth = (double)bytes / microseconds;
        var switchover = parameters.AvailSwitchoverBandwidth > 0 ? parameters.AvailSwitchoverBandwidth / 1e6 : Now.Bandwidth;
        Now.ExpectedDowntime = remaining == 0 ? 0 : switchover > 0 ? (long)(remaining / switchover) : long.MaxValue;
        var duplicate = channels.DuplicatePages - Now.RoundDuplicate;
        _rounds.Add(new Round(
            Round, channels.NormalPages - Now.RoundPages + duplicate, duplicate, bytes, microseconds, dirtyPages, remaining,
            ExpectedDowntimeMicroseconds,
            throttle.Current.Percentage, RingFullExits - Now.RoundRingFull, throttle.Current.DirtyPagesPerSecond > 0,
            Divergence.Of([.. _rounds.ToArray().Select(round => round.RemainingBytes), remaining])
                && ExpectedDowntimeMicroseconds > parameters.DowntimeLimitMicroseconds,
            channels.LinkWaitMicroseconds - Now.RoundLinkWait));
        if (_rounds.Count > MigrationInfo.RoundsKept) _rounds.RemoveAt(0);
    }

    public void RecordStop() => (Now.StoppedAt, Now.BytesAtStop) = (vm.World.NowMicroseconds, channels.Bytes);

    /// <summary>A part of the downtime is over.</summary>
    public void RecordPart(DowntimePart part) => Now.Parts = Now.Parts.Until(part, Stood);

    public void RecordDeviceStateSent() => Now.BytesAtHandOver = channels.Bytes;

    public void RecordHandOver(long epoch, bool isAnswered)
    {
        (Now.IsHandedOver, Now.IsTakeOverAnswered, Now.Epoch) = (true, isAnswered, epoch);
        EndDowntime();
    }

    public void RecordKept(long epoch) => Now.Epoch = epoch;

    /// <summary>The source runs on; the time for which it stood was downtime all the same.</summary>
    public void RecordResume() => EndDowntime();

    /// <summary>What goes on until it is disposed is the bed's own check and no part of a migration: no downtime, though the guest
    /// stands.</summary>
    public CheckTime Check() => new(this);

    private void EndDowntime()
    {
        Now.Downtime = Stood;
        Now.Parts = Now.Parts.Until(DowntimePart.TakeOver, Now.Downtime);
    }

    private long Stood => vm.World.NowMicroseconds - Now.StoppedAt - Now.Checks;

    public readonly struct CheckTime(MigrationRecord record) : IDisposable
    {
        private readonly long _began = record.Elapsed;

        public void Dispose() => record.Now.Checks += record.Elapsed - _began;
    }

    private struct State
    {
        public MigrationStatus Status;
        public string Reason;
        public int Round;
        public long Syncs;
        public long RingFullExits;
        public long PostcopyRequests;
        public int PostcopyPauses;
        public PostcopyBlocktime Blocktime;
        public long ExpectedDowntime;
        public double Bandwidth; // bytes a microsecond
        public long RoundBegan;
        public long RoundBytes;
        public long RoundPages;
        public long RoundDuplicate;
        public long RoundRingFull;
        public long RoundLinkWait;
        public long StoppedAt;
        public long BytesAtStop;
        public long BytesAtHandOver;
        public long Downtime;
        public DowntimeParts Parts;
        public long Checks;
        public long SetupTime;
        public long Ended;
        public long Epoch;
        public double DirtyRate;
        public bool IsHandedOver;
        public bool IsTakeOverAnswered;
    }
}
