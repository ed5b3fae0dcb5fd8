using Livebed.Grains.Actors;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// A migration that a test has brought to a status and that stays there until it is released: its next call is held, so nothing depends on
/// time. A status without a way to reach it is a failure.
/// </summary>
internal sealed class HeldMigration : IDisposable
{
    private readonly HeldCall? _held;
    private readonly Func<Task> _goOn;

    private HeldMigration(Task<MigrationOutcome> outcome, HeldCall? held, Func<Task>? goOn = null)
    {
        Outcome = outcome;
        _held = held;
        _goOn = goOn ?? (() => Task.CompletedTask);
    }

    public Task<MigrationOutcome> Outcome { get; }

    /// <summary>A round of pre-copy and then the hand-over, however much is left.</summary>
    private static MigrationParameters OneRound => new()
    {
        MaxBandwidth = 200_000,
        DowntimeLimitMicroseconds = 0,
        BatchPages = 64,
        RoundsMax = 1,
        TimeoutAction = TimeoutAction.Suspend,
        RecoveryLimitMicroseconds = 1_500_000,
    };

    private static MigrationParameters ToPostcopy => OneRound with { PostcopyAfterRounds = 1 };

    /// <summary>As long as a silo takes to die, and longer.</summary>
    private static MigrationParameters ToPatientPostcopy => ToPostcopy with { RecoveryLimitMicroseconds = 60_000_000 };

    /// <summary>What has been held goes on, and the migration comes to its end.</summary>
    public async Task<MigrationOutcome> ReleaseAsync()
    {
        _held?.Release();
        await _goOn();
        return await Outcome;
    }

    public void Dispose() => _held?.Dispose();

    /// <summary>Begins to move the VM and returns when the migration stays in the status.</summary>
    /// <param name="bed">the cluster</param>
    /// <param name="here">the VM, which runs</param>
    /// <param name="there">where it goes</param>
    /// <param name="status">every status but none</param>
    /// <param name="isPatient">a broken link may stay broken for as long as the test likes</param>
    public static async Task<HeldMigration> AtAsync(ActorBed bed, BedVm here, BedVm there, MigrationStatus status, bool isPatient = false)
    {
        var toPostcopy = isPatient ? ToPatientPostcopy : ToPostcopy;
        var migration = await (status switch
        {
            MigrationStatus.Setup => BeginAsync(here, there, OneRound, bed.Held.Hold(there.Key, nameof(IVmGrain.PrepareIncomingAsync))),
            MigrationStatus.Active =>
                BeginAsync(here, there, OneRound, bed.Held.Hold(here.HostKey, nameof(IHostStreamsGrain.SendPagesAsync))),
            MigrationStatus.Device => BeginAsync(here, there, OneRound, bed.Held.Hold(here.HostKey, nameof(IHostStreamsGrain.FreezeAsync))),
            MigrationStatus.PostcopyActive => BeginAsync(here, there, toPostcopy, HoldPostcopyPages(bed, here.HostKey)),
            MigrationStatus.PostcopyPaused => PausedAsync(bed, here, there, toPostcopy),
            MigrationStatus.PostcopyRecover => RecoveringAsync(bed, here, there, toPostcopy),
            MigrationStatus.Completed =>
                BeginAsync(here, there, OneRound, bed.Held.Hold(here.HostKey, nameof(IHostStreamsGrain.CloseStreamAsync))),
            MigrationStatus.Cancelling => CancellingAsync(bed, here, there),
            MigrationStatus.Cancelled => CancelledAsync(bed, here, there),
            MigrationStatus.Failed => FailingAsync(bed, here, there),
            _ => throw new ArgumentOutOfRangeException(nameof(status), status, "there is no way to bring a migration to this status"),
        });
        await here.MigratesAsync(status);
        return migration;
    }

    /// <summary>The destination has been asked to take the VM over, and has not begun to.</summary>
    public static Task<HeldMigration> OfferedAsync(ActorBed bed, BedVm here, BedVm there) =>
        BeginAsync(here, there, OneRound, bed.Held.Hold(there.Key, nameof(IVmGrain.TakeOverAsync)));

    /// <summary>The destination owns the VM and is about to let it run; the source has not heard of it.</summary>
    public static Task<HeldMigration> ClaimedAsync(ActorBed bed, BedVm here, BedVm there) =>
        BeginAsync(here, there, OneRound, bed.Held.Hold(there.VcpuKey(0), nameof(IVcpuGrain.StartAsync)));

    /// <summary>What is held never arrives.</summary>
    public async Task<MigrationOutcome> LoseAsync()
    {
        _held!.Lose();
        return await Outcome;
    }

    private static async Task<HeldMigration> BeginAsync(BedVm here, BedVm there, MigrationParameters parameters, HeldCall held)
    {
        var outcome = here.MigrateAsync(there, parameters);
        await held.ReachedAsync();
        return new HeldMigration(outcome, held);
    }

    /// <summary>The link loses the first pages of post-copy, and no recovery is ordered.</summary>
    private static async Task<HeldMigration> PausedAsync(ActorBed bed, BedVm here, BedVm there, MigrationParameters toPostcopy)
    {
        var broken = HoldPostcopyPages(bed, here.HostKey);
        var outcome = here.MigrateAsync(there, toPostcopy);
        await broken.ReachedAsync();
        bed.CutPages();
        broken.Release();
        await here.MigratesAsync(MigrationStatus.PostcopyPaused);
        return new HeldMigration(
            outcome, held: null, async () => Assert.True(await here.Grain.RecoverMigrationAsync(bed.Next(OperationKind.Migration))));
    }

    private static async Task<HeldMigration> RecoveringAsync(ActorBed bed, BedVm here, BedVm there, MigrationParameters toPostcopy)
    {
        var paused = await PausedAsync(bed, here, there, toPostcopy);
        var held = bed.Held.Hold(there.Key, nameof(IVmGrain.RecoverIncomingAsync));
        await paused._goOn();
        await held.ReachedAsync();
        return new HeldMigration(paused.Outcome, held);
    }

    private static async Task<HeldMigration> CancellingAsync(ActorBed bed, BedVm here, BedVm there)
    {
        using var active = await AtAsync(bed, here, there, MigrationStatus.Active);
        var held = bed.Held.Hold(there.Key, nameof(IVmGrain.AbandonIncomingAsync));
        Assert.Equal(CancelCase.AtNextStep, await here.CancelMigrationAsync());
        active._held!.Release();
        await held.ReachedAsync();
        return new HeldMigration(active.Outcome, held);
    }

    private static async Task<HeldMigration> CancelledAsync(ActorBed bed, BedVm here, BedVm there)
    {
        using var active = await AtAsync(bed, here, there, MigrationStatus.Active);
        await here.CancelMigrationAsync();
        await active.ReleaseAsync();
        return new HeldMigration(active.Outcome, held: null);
    }

    /// <summary>The destination has prepared and its answer is lost: the source has given up and wants to be rid of it.</summary>
    private static Task<HeldMigration> FailingAsync(ActorBed bed, BedVm here, BedVm there)
    {
        bed.Losses.Lose(there.Key, nameof(IVmGrain.PrepareIncomingAsync));
        return BeginAsync(here, there, OneRound, bed.Held.Hold(there.Key, nameof(IVmGrain.AbandonIncomingAsync)));
    }

    private static HeldCall HoldPostcopyPages(ActorBed bed, string hostKey) =>
        bed.Held.Hold(
            hostKey, nameof(IHostStreamsGrain.SendPagesAsync),
            context => context.Request.GetArgument(2) is BatchMessage { Phase: StreamPhase.Postcopy });
}
