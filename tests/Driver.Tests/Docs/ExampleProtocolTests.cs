using Livebed.Driver.Errors;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;
using ProtocolExample;

namespace Livebed.Driver.Tests.Docs;

/// <summary>The example of docs/protocols.md is the project in docs/protocol-example, and does what the page says.</summary>
public sealed class ExampleProtocolTests
{
    private static readonly Gfn _gfn = VmLayout.HotplugGfn;
    private static readonly HvaRange _pages = new(VmLayout.HotplugHva, 4);

    private const string BuiltAt = "docs/protocol-example/bin/Release/net10.0/ProtocolExample.dll";

    private static readonly string _assembly = Path.Combine(AppContext.BaseDirectory, "ProtocolExample.dll");

    private readonly NullObserver _observer = new();
    private readonly OperationIds _ids = new(1);
    private readonly HostMmu _host;

    public ExampleProtocolTests()
    {
        _host = new HostMmu(new StillWorld(_observer), "host-0", frames: 16, pageSize: 64, mutant: null);
        _host.CreateAddressSpace(new AddressSpaceSpec(1, [new VmaSpec(_pages, VmaKind.Hotplug)]));
    }

    [Fact]
    public void The_page_shows_both_classes_as_they_are() => Assert.Equal(
        [Declared("RememberingProtocol", "public class"), Declared("PromotingProtocol", "public sealed class")],
        Documents.Blocks("docs/protocols.md", "csharp"));

    [Theory]
    [InlineData("remembering", ExitCodes.Invalid)]
    [InlineData("promoting", ExitCodes.Valid)]
    public async Task The_command_of_the_page_explores_the_assembly_and_sees_which_half_is_the_mistake(string protocol, int expected)
    {
        var command = Assert.Single(
            Documents.Blocks("docs/protocols.md", "sh").SelectMany(block => block.Split('\n')),
            line => line.Contains($"--protocol {protocol} ", StringComparison.Ordinal));
        var arguments = command["./livebed ".Length..].Replace(
            BuiltAt, _assembly, StringComparison.Ordinal).Split(' ');
        using var harness = new CommandHarness();
        Assert.Equal(
            expected, await harness.RunAsync([.. arguments, "--seed", "1", "--schedules", expected == ExitCodes.Valid ? "100" : "50000"]));
        if (expected == ExitCodes.Valid) return;

        // The replay names the assembly, so it can be shrunk and played again.
        var replay = Path.GetFileName(Assert.Single(Directory.GetFiles(harness.Folder.FullPath, "*.replay.json")));
        Assert.Equal(ExitCodes.Valid, await harness.RunAsync("shrink", replay, "--out", "small.json"));
        Assert.Equal(ExitCodes.Invalid, await harness.RunAsync("replay", "small.json"));
        Assert.Contains("violates S2", harness.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void The_example_is_about_a_hundred_lines() => Assert.InRange(
        Directory.GetFiles(Path.Combine(Repository.Root, "docs/protocol-example"), "*.cs").Sum(file => File.ReadAllLines(file).Length), 80,
        120);

    [Fact]
    public async Task Remembering_what_start_did_is_not_enough()
    {
        var vm = await PlugInsideAnElidedRangeAsync(promotes: false);
        Assert.Equal(FaultStatus.Mapped, (await FaultAsync(vm)).Status);
        Assert.Equal(Invariants.NoInstallUnderInvalidation, Assert.Single(_observer.Violations).Invariant);
    }

    [Fact]
    public async Task A_range_that_was_elided_holds_faults_back_once_a_memslot_covers_it_and_only_until_its_end()
    {
        var open = NewOperation(HostEventKind.HeldRange);
        var vm = await PlugInsideAnElidedRangeAsync(promotes: true, open);
        Assert.Equal(FaultStatus.Retry, (await FaultAsync(vm)).Status);
        await _host.CloseRangeAsync(open);
        Assert.Equal(FaultStatus.Mapped, (await FaultAsync(vm)).Status);
        Assert.Equal(0, vm.Protocol.InvalidationsInProgress);
        Assert.Empty(_observer.Violations);
    }

    [Fact]
    public async Task A_range_that_no_memslot_covers_takes_no_mmu_lock()
    {
        var vm = await CreateVmAsync(promotes: true);
        var open = NewOperation(HostEventKind.HeldRange);
        await _host.OpenRangeAsync(open, new HostEvent(HostEventKind.HeldRange, 1, _pages));
        await _host.CloseRangeAsync(open);
        Assert.Equal(0, vm.Counters.NotifierMmuLockAcquisitions);
        Assert.Equal(1, vm.Counters.NotifierRanges);
    }

    /// <summary>The scene: a range over memory outside all memslots is open; a memslot over it is created.</summary>
    private async Task<Vm> PlugInsideAnElidedRangeAsync(bool promotes, Operation? open = null)
    {
        var vm = await CreateVmAsync(promotes);
        var opened = await _host.OpenRangeAsync(
            open ?? NewOperation(HostEventKind.HeldRange), new HostEvent(HostEventKind.HeldRange, 1, _pages));
        Assert.Equal(HostEventStatus.Done, opened.Status);
        var change = new MemslotChange(VmLayout.HotplugSlotId, _gfn, _pages.Pages, _pages.Start, MemslotFlags.None);
        // Completed at once: the update waits for no range.
        var update = vm.MemslotUpdates.SetAsync(NewOperation(OperationKind.MemslotCreate), change);
        Assert.True(update.IsCompleted);
        Assert.Equal(MemslotResult.Ok, await update);
        return vm;
    }

    private async Task<Vm> CreateVmAsync(bool promotes)
    {
        var vm = new Vm(
            new StillWorld(_observer), new VmOptions("vm-1", 1, "promoting"), _host.Process(1),
            context => promotes ? new PromotingProtocol(context) : new RememberingProtocol(context));
        Assert.True(await vm.Host.RegisterNotifierAsync(NewOperation(OperationKind.VmCreate), vm.Notifier));
        return vm;
    }

    private static string Declared(string type, string declaration)
    {
        var file = Repository.File($"docs/protocol-example/{type}.cs");
        return file[file.IndexOf(declaration, StringComparison.Ordinal)..];
    }

    private ValueTask<FaultReply> FaultAsync(Vm vm) => vm.Faults.HandleAsync(NewOperation(OperationKind.Fault), vcpu: 0, _gfn, write: true);

    private Operation NewOperation(OperationKind kind) => new(_ids.Next(), kind);

    /// <summary>Nothing else ever runs, and time stands still.</summary>
    private sealed class StillWorld(IModelObserver observer) : IWorld
    {
        public long NowMicroseconds => 0;
        public IModelObserver Observer => observer;
        public ValueTask PointAsync(SchedulingPoint point) => ValueTask.CompletedTask;
        public ValueTask DelayAsync(long microseconds) => ValueTask.CompletedTask;
        public void Start(string name, Func<ValueTask> body) => throw new NotSupportedException("nothing else ever runs");
    }
}
