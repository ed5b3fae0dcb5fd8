using Livebed.Kvm.UserSpace;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>User space destroys the VM, on either side, while it migrates.</summary>
internal static class MigrationDestroyScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new MigrationVsDestroy(),
        new DestroyWhileIncoming(),
    ];
}

/// <summary>
/// Claim: a destroy at any step of a migration cancels it, waits for its end and leaves nothing on either host, in the inventory or in the
/// hosts' books. A VM that has moved before the cancel came goes on at the destination, with every write (M2, M4, S11, the oracle).
/// </summary>
internal sealed class MigrationVsDestroy : Scenario
{
    public override string Name => "migration-vs-destroy";
    public override string Claim => "a VM that is destroyed while it migrates is gone, or has moved and goes on";
    public override bool IsDrawnFromSeed => true;

    public override ScenarioCase? Case { get; } = new(
        "the destroy came while it migrated", MigrationPlan.WasMigrating);

    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with { MachinesDie = true };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        plan.Actor("admin").DestroyVm((TeardownOrder)plan.Random.Next(4), MigrationPlan.DrawDeath(plan));
        plan.Actor("hotplug").Plug().Unplug();
        plan.After(SurvivorCheck.AfterDestroyed);
    }
}

/// <summary>
/// Claim: a destroy at the destination, at any step of the migration that brings the VM, leaves nothing there. Before the VM is claimed it
/// stays at the source and runs on; after that it is gone on both hosts and in the inventory (M2, M3, M4, S11).
/// </summary>
internal sealed class DestroyWhileIncoming : Scenario
{
    public override string Name => "destroy-while-incoming";
    public override string Claim => "a VM that is destroyed while it comes leaves nothing, and the source runs on or has none";
    public override bool IsDrawnFromSeed => true;

    public override ScenarioCase? Case { get; } = new(
        "the destroy came while it migrated", MigrationPlan.WasMigrating);

    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with { MachinesDie = true };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        plan.Actor("admin").DestroyIncomingVm((TeardownOrder)plan.Random.Next(4), MigrationPlan.DrawDeath(plan));
        plan.After(SurvivorCheck.AfterAll);
    }
}
