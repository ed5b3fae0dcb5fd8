namespace Livebed.Kvm.Migration;

/// <summary>
/// Which status may follow which, and what a cancel does in each: QEMU's <c>migrate_set_state</c> calls and <c>migration_cancel</c> (migration/migration.c) as a table. A status without a row
/// is a defect, and a test finds it.
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
            [MigrationStatus.PostcopyActive] = ([MigrationStatus.Completed, MigrationStatus.PostcopyPaused, MigrationStatus.Failed], CancelCase.Refused),
            [MigrationStatus.PostcopyPaused] = ([MigrationStatus.PostcopyRecover, MigrationStatus.Failed], CancelCase.Refused),
            [MigrationStatus.PostcopyRecover] = ([MigrationStatus.PostcopyActive, MigrationStatus.PostcopyPaused, MigrationStatus.Failed], CancelCase.Refused),
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
    public static bool IsOver(MigrationStatus status) => status is MigrationStatus.Completed or MigrationStatus.Failed or MigrationStatus.Cancelled;
}
