namespace Livebed.Kvm.Migration;

/// <summary>
/// Which status may follow which, and what a cancel does in each: QEMU's <c>migrate_set_state</c> calls and <c>migration_cancel</c>
/// (migration/migration.c) as a table. A status without a row is a defect, and a test finds it.
/// </summary>
public static class MigrationStates
{
    private static readonly Dictionary<MigrationStatus, (MigrationStatus[] Next, CancelCase Cancel)> Rows =
        new()
        {
            [MigrationStatus.None] = ([MigrationStatus.Setup], CancelCase.NothingToDo),
            [MigrationStatus.Setup] = ([MigrationStatus.Active, MigrationStatus.Cancelling, MigrationStatus.Failed], CancelCase.AtNextStep),
            [MigrationStatus.Active] =
                ([MigrationStatus.Device, MigrationStatus.Cancelling, MigrationStatus.Failed], CancelCase.AtNextStep),
            [MigrationStatus.Device] =
            (
                [MigrationStatus.Completed, MigrationStatus.PostcopyActive, MigrationStatus.Cancelling, MigrationStatus.Failed],
                CancelCase.UntilHandedOver
            ),
            [MigrationStatus.PostcopyActive] = (
                [MigrationStatus.Completed, MigrationStatus.PostcopyPaused, MigrationStatus.Failed], CancelCase.Refused),
            [MigrationStatus.PostcopyPaused] = ([MigrationStatus.PostcopyRecover, MigrationStatus.Failed], CancelCase.Refused),
            [MigrationStatus.PostcopyRecover] = (
                [MigrationStatus.PostcopyActive, MigrationStatus.PostcopyPaused, MigrationStatus.Failed], CancelCase.Refused),
            [MigrationStatus.Cancelling] = ([MigrationStatus.Cancelled, MigrationStatus.Completed], CancelCase.NothingToDo),
            [MigrationStatus.Completed] = ([], CancelCase.NothingToDo),
            [MigrationStatus.Failed] = ([], CancelCase.NothingToDo),
            [MigrationStatus.Cancelled] = ([], CancelCase.NothingToDo),
        };

    /// <exception cref="KeyNotFoundException">The status has no row.</exception>
    public static IReadOnlyList<MigrationStatus> NextOf(MigrationStatus status) => Rows[status].Next;

    /// <exception cref="KeyNotFoundException">The status has no row.</exception>
    public static CancelCase CancelIn(MigrationStatus status) => Rows[status].Cancel;

    /// <summary>Nothing follows it.</summary>
    public static bool IsOver(MigrationStatus status) =>
        status is MigrationStatus.Completed or MigrationStatus.Failed or MigrationStatus.Cancelled;
}

/// <summary>Where a migration stands: QEMU's <c>MigrationStatus</c> (qapi/migration.json), in kebab-case in results.</summary>
public enum MigrationStatus : byte
{
    /// <summary>Nothing has begun.</summary>
    None,

    /// <summary>The destination makes room, logging is switched on.</summary>
    Setup,

    /// <summary>Pre-copy: rounds over the dirty pages while the guest runs.</summary>
    Active,

    /// <summary>The vCPUs have stopped: final sync, last pages, device state. Downtime.</summary>
    Device,

    /// <summary>The destination runs and misses pages, which come on demand and in the background.</summary>
    PostcopyActive,

    /// <summary>The link broke in post-copy: the guest runs on only where it misses nothing.</summary>
    PostcopyPaused,

    /// <summary>The link is back: both sides agree on what is still missing.</summary>
    PostcopyRecover,

    /// <summary>Everything has arrived.</summary>
    Completed,

    /// <summary>It was given up; the inventory knows the owner of the VM, if there is one.</summary>
    Failed,

    /// <summary>User space requested the end; requests under way complete first.</summary>
    Cancelling,

    /// <summary>The source runs on, without a trace of the migration.</summary>
    Cancelled,
}

/// <summary>What <c>migrate_cancel</c> does in a status.</summary>
public enum CancelCase : byte
{
    /// <summary>It has not begun, is over already, or is being cancelled.</summary>
    NothingToDo,

    /// <summary>The migration thread sees it at its next step, and the guest never notices.</summary>
    AtNextStep,

    /// <summary>The vCPUs are stopped: it counts if the destination has not taken the VM over, which the inventory decides; then the source
    /// runs on.</summary>
    UntilHandedOver,

    /// <summary>Each side has pages that the other has not: there is no way back.</summary>
    Refused,
}
