using System.Text.RegularExpressions;

namespace Livebed.Kvm.Tests.Decisions;

/// <summary>
/// Grains forward, remember, write their journal and send. What becomes of a VM, a host or a migration is decided in the model, where the
/// explorer searches it. A new decision in a file of <c>src/Grains/Actors</c> that knows the model fails here; those that are left decide
/// about calls and activations, and each says why it is here.
/// </summary>
public sealed partial class GrainDecisionTests
{
    private static readonly string[] _free = ["Addresses", "Checks", "Locks", "World"];

    /// <summary>By member: how many, and why they are not the model's.</summary>
    private static readonly Dictionary<string, (int Count, string Why)> _allowed = new()
    {
        ["GrainMigrationDestination.PrepareAsync"] = (2, "an activation that is on its way out gives no answer"),
        ["HostConnections.CloseLink"] = (1, "the link is there"),
        ["HostConnections.EndpointOf"] = (1, "the endpoint is there"),
        ["HostConnections.Exit"] = (2, "the endpoint is there; its links"),
        ["HostConnections.LinkOf"] = (2, "the link is there; the network breaks it, if the campaign wants it"),
        ["HostMmuGrain.CommandAsync"] = (1, "how the journal calls an outcome"),
        ["HostMmuGrain.ConfigureAsync"] = (1, "only a cluster whose members can be given up has leases"),
        ["HostMmuGrain.CreateAddressSpaceAsync"] = (2, "the host's answer; a second subscriber, if the campaign wants it"),
        ["HostMmuGrain.FillAsync"] = (2, "a fault made on purpose, which the driver orders"),
        ["HostMmuGrain.IncomingPagesAsync"] = (1, "only a process that is there has an endpoint"),
        ["HostMmuGrain.KeepLastReportsAsync"] = (1, "a bound on the reports that are kept"),
        ["HostMmuGrain.OpenStreamAsync"] = (1, "only a process that is there gets a link"),
        ["HostMmuGrain.UnregisterNotifierAsync"] = (1, "the grain's object for the VM is there"),
        ["InventoryGrain.ClaimAsync"] = (1, "there is no register"),
        ["InventoryGrain.FindAsync"] = (1, "there is no register"),
        ["InventoryGrain.RegisterAsync"] = (4, "there is no register; one that could not be made is made again at the next call"),
        ["InventoryGrain.RemoveAsync"] = (1, "there is no register"),
        ["MembershipLease.StatusOf"] = (2, "what Orleans says of a silo, in the words of the lease"),
        ["ProcessGrainPort.AddressSpace"] = (1, "only a VM with hot-plug memory has an area for it"),
        ["TimedGuestMemory.ExecuteAsync"] = (2, "counts"),
        ["TimedGuestMemory.NoteAsync"] = (1, "counts"),
        ["TimedGuestMemory.Take"] = (1, "counts"),
        ["VcpuGrain.OnDeactivateAsync"] = (1, "its silo stops while the guest runs"),
        ["VcpuGrain.Report"] = (2, "there is nothing to report"),
        ["VcpuGrain.StartAsync"] = (2, "an activation that is on its way out; guest memory on this silo or another"),
        ["VcpuGrainPort.SaveAsync"] = (1, "the vCPU died with its silo"),
        ["VcpuGrainThreads.StartAsync"] = (3, "which vCPU a state is of; no activation takes the call"),
        ["VmActor.DestinationOf"] = (1, "the network loses the answer, if the campaign wants it"),
        ["VmActor.GfnsOf"] = (2, "telemetry: what a range is to the guest"),
        ["VmActor.Report"] = (1, "there is no VM to report on"),
        ["VmActor.new"] = (1, "only a VM that comes from another host has a source"),
        ["VmGrain.CreateAsync"] = (1, "an activation that is on its way out"),
        ["VmGrain.DestroyAsync"] = (2, "the activation goes with the process"),
        ["VmGrain.FaultAsync"] = (1, "telemetry is not listened to"),
        ["VmGrain.InspectAsync"] = (1, "the caller says that the VM is at rest"),
        ["VmGrain.InvalidateRangeEndAsync"] = (1, "telemetry has an entry for the range"),
        ["VmGrain.InvalidateRangeStartAsync"] = (1, "telemetry has an entry for the range"),
        ["VmGrain.MigrateAsync"] = (2, "a refusal of the process has no journal entry; the activation goes with the process"),
        ["VmGrain.PrepareIncomingAsync"] = (1, "an activation that is on its way out"),
    };

    /// <summary>The decisions that grains once made are found, and what only says what is there is not.</summary>
    [Theory]
    [InlineData("if (_actor is { Process.IsMigrating: true }) return StreamStatus.Refused;")]
    [InlineData("if (_actor is { Process.Vm: { IsHandedOver: true } }) return StreamStatus.Refused;")]
    [InlineData("return --_faults == 0 && TakePut() is { } pages ? Put(pages) : Nothing();")]
    [InlineData("return _actor is { } actor ? actor.State == ProcessState.Running : WithoutVm(false);")]
    [InlineData("while (_state < 2) await NextAsync();")]
    [InlineData("return status switch { 1 => A(), _ => B() };")]
    [InlineData("return Find() ?? Make();")]
    [InlineData("try { await CallAsync(); } catch (Exception e) when (e.IsLate()) { await AgainAsync(); }")]
    [InlineData("calls.Select(call => call.Epoch > _epoch);")]
    public void A_decision_is_found(string statement) => Assert.NotEmpty(DecisionFinder.Of(Method(statement)));

    [Theory]
    [InlineData("if (_actor is not { } actor) return WithoutVm(false);")]
    [InlineData("if (_actor is not { Process.Incoming: { } incoming } actor) return WithoutVm(absent);")]
    [InlineData("return _actor?.Process.Cancel() ?? WithoutVm(CancelCase.NothingToDo);")]
    [InlineData("return _made ??= new Thing(this);")]
    [InlineData("return TheVm is null ? Nothing() : Forward();")]
    [InlineData("return (result == MemslotResult.Ok ? \"ok\" : \"fail\", text);")]
    public void To_ask_what_is_there_is_no_decision(string statement) => Assert.Empty(DecisionFinder.Of(Method(statement)));

    [Fact]
    public void A_grain_decides_nothing_about_VMs_hosts_and_migrations()
    {
        var folder = Repository.PathOf("src", "Grains", "Actors");
        var found = Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(File.ReadAllText).Where(KnowsTheModel).SelectMany(DecisionFinder.Of).ToLookup(decision => decision.Member);
        var wrong = found.Select(member => member.Key).Union(_allowed.Keys).Order(StringComparer.Ordinal)
            .Select(member => Complaint(member, [.. found[member].Select(decision => decision.Text)])).OfType<string>().ToList();
        Assert.True(wrong.Count == 0, string.Join("\n", wrong));
    }

    private static string Method(string statement) => $"class Grain {{ async Task<object> CallAsync() {{ {statement} }} }}";

    private static bool KnowsTheModel(string source) =>
        RoomOfModel().Matches(source).Any(room => !_free.Contains(room.Groups[1].Value));

    private static string? Complaint(string member, IReadOnlyList<string> decisions)
    {
        var allowed = _allowed.GetValueOrDefault(member).Count;
        if (decisions.Count == allowed) return null;
        return decisions.Count < allowed
            ? $"{member} decides {decisions.Count} times and is allowed to {allowed} times: lower its number in GrainDecisionTests."
            : $"{member} decides {decisions.Count} times and is allowed to {allowed} times: {string.Join("; ", decisions)}. "
                + "A grain forwards. Decide in src/Kvm: what becomes of a VM and its migrations in UserSpace and Migration, "
                + "what a host does in Host. "
                + "What decides about a call or an activation alone gets a line in GrainDecisionTests with its reason.";
    }

    [GeneratedRegex(@"^using Livebed\.Kvm\.(\w+)", RegexOptions.Multiline)]
    private static partial Regex RoomOfModel();
}
