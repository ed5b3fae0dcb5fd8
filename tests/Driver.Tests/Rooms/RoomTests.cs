using System.Reflection;

namespace Livebed.Driver.Tests.Rooms;

/// <summary>
/// A room is a part of a project: one namespace or a few, with all that lies below them. It uses the rooms that its row names, and all of
/// these stand above it in the table: so no two rooms depend on each other.
/// </summary>
public sealed class RoomTests
{
    /// <param name="Name">of the room</param>
    /// <param name="Uses">the rooms that it may use</param>
    /// <param name="Namespaces">where they are not the room's own name; the project's root is ""</param>
    private sealed record Room(string Name, string[] Uses, params string[] Namespaces)
    {
        public bool Holds(string name) => (Namespaces.Length == 0 ? [Name] : Namespaces)
            .Any(own => name == own || (own != "" && name.StartsWith(own + ".", StringComparison.Ordinal)));
    }

    private static readonly Room[] _kvm = [
        new("Addresses", []),
        new("Files", []),
        new("Checks", []),
        new("World", ["Addresses", "Checks"], "World", "Locks"),
        new("Guests", ["Addresses", "Files", "World"]),
        new("Host", ["Addresses", "Checks", "World", "Guests"]),
        new("Vm", ["Addresses", "Checks", "World", "Guests", "Host"], "Memslots", "Paging", "DirtyLog", "Notifiers", "Vms"),
        new("Migration", ["Addresses", "Checks", "World", "Guests", "Host", "Vm"]),
        new("UserSpace", ["Addresses", "Checks", "World", "Guests", "Host", "Vm", "Migration"]),
        new("Prediction", ["Addresses", "World", "Guests", "Migration"]),
    ];

    private static readonly Room[] _explorer = [
        new("Scheduling", []),
        new("Strategies", ["Scheduling"]),
        new("Beds", ["Scheduling", "Strategies"]),
        new("Scenarios", ["Scheduling", "Beds"]),
        new("Protocols", ["Scenarios"]),
        new("Witnesses", ["Scheduling", "Beds", "Scenarios"]),
        new("Replays", ["Scheduling", "Strategies", "Scenarios"]),
        new("Searching", ["Scheduling", "Strategies", "Beds", "Scenarios", "Replays"]),
        new("Shrinking", ["Scheduling", "Strategies", "Scenarios", "Replays"]),
        new("MutantRuns", ["Scheduling", "Strategies", "Scenarios", "Searching"]),
        new("Pricing", []),
        new("Kernels", ["Scheduling", "Beds"]),
    ];

    private static readonly Room[] _grains = [
        new("Contracts", []),
        new("Placement", []),
        new("Telemetry", ["Contracts"]),
        new("Security", []),
        new("Faults", ["Contracts"]),
        new("Wire", ["Contracts", "Security", "Faults"]),
        new("Actors", ["Contracts", "Placement", "Telemetry", "Wire"]),
        new("Hosting", ["Contracts", "Placement", "Telemetry", "Security", "Faults", "Wire", "Actors"]),
        new("Benching", ["Placement"]),
    ];

    private static readonly Room[] _linux = [
        new("Interop", []),
        new("Processes", ["Interop"]),
        new("Measuring", ["Interop"]),
        new("Recording", ["Interop", "Processes", "Measuring"]),
        new("Qemu", ["Interop", "Processes", "Recording"]),
        new("Kvm", ["Interop"]),
    ];

    private static readonly Room[] _driver = [
        new("Errors", []),
        new("Counters", []),
        new("CampaignKeys", ["Errors"]),
        new("Campaigns", ["Counters", "CampaignKeys"]),
        new("CampaignFiles", ["Errors", "CampaignKeys", "Campaigns"]),
        new("Results", ["Errors", "Counters", "Campaigns"]),
        new("Runs", ["Errors", "Counters", "Campaigns", "Results"]),
        new("Terminal", ["Errors", "Counters", "Results", "Runs"]),
        new("Running", ["Errors", "Counters", "Campaigns", "Results", "Runs", "Terminal"]),
        new("CommandLine", ["Errors", "CampaignFiles", "Terminal", "Running"]),
        new("Clusters", ["Errors", "CampaignFiles", "Terminal", "Running", "CommandLine"]),
        new("Analyzing", ["Errors", "CampaignKeys", "CampaignFiles", "Runs", "Terminal", "CommandLine"]),
        new("Exploring", ["Errors", "CampaignKeys", "CampaignFiles", "Terminal", "CommandLine"]),
        new("Shrinking", ["Errors", "CampaignKeys", "CampaignFiles", "Terminal", "CommandLine", "Exploring"]),
        new("MutantRuns", ["Errors", "CampaignKeys", "Terminal", "CommandLine", "Exploring"]),
        new("Predicting", ["Errors", "CampaignKeys", "CampaignFiles", "Results", "Terminal", "CommandLine", "Exploring"]),
        new("Advising", ["Errors", "CampaignKeys", "CampaignFiles", "Terminal", "CommandLine", "Exploring", "Predicting"]),
        new("Explaining", ["Errors", "CampaignKeys", "CampaignFiles", "Terminal", "CommandLine", "Exploring", "Predicting"]),
        new("Recording", ["Errors", "CampaignKeys", "CampaignFiles", "Terminal", "CommandLine", "Exploring", "Predicting"]),
        new("QemuRuns", ["Errors", "CampaignKeys", "CampaignFiles", "Terminal", "CommandLine", "Exploring", "Predicting"]),
        new(
            "Reports",
            [
                "Errors", "Counters", "Campaigns", "CampaignFiles", "Results", "Runs", "Terminal", "CommandLine", "Predicting", "Analyzing",
            ]),
        new(
            "Checking", ["Errors", "Counters", "Campaigns", "CampaignFiles", "Results", "Runs", "Terminal", "Running", "CommandLine"]),
        new("Viewing", ["Errors", "CampaignFiles", "Terminal", "CommandLine", "Analyzing"]),
        new(
            "Run",
            [
                "Errors", "Campaigns", "CampaignFiles", "Results", "Runs", "Terminal", "Running", "CommandLine", "Clusters", "Reports",
                "Analyzing", "Viewing",
            ]),
        new(
            "Comparing",
            [
                "Errors", "Counters", "CampaignKeys", "Campaigns", "CampaignFiles", "Results", "Runs", "Terminal", "Running",
                "CommandLine", "Reports", "Run",
            ]),
        new("Pricing", ["Errors", "CampaignKeys", "CampaignFiles", "Terminal", "CommandLine", "Exploring", "Reports"]),
        new("Kernels", ["Errors", "CampaignKeys", "CampaignFiles", "Terminal", "CommandLine", "Exploring"]),
        new("Benching", ["Errors", "CampaignKeys", "Campaigns", "CampaignFiles", "Terminal", "Running", "CommandLine", "Exploring"]),
        new(
            "Migrating",
            [
                "Errors", "CampaignKeys", "Campaigns", "CampaignFiles", "Results", "Runs", "Terminal", "Running", "CommandLine",
                "Exploring", "Predicting", "Run",
            ]),
        new(
            "The command",
            [
                "Errors", "CampaignFiles", "Running", "CommandLine", "Clusters", "Analyzing", "Exploring", "Shrinking", "MutantRuns",
                "Predicting", "Advising", "Explaining", "Recording", "QemuRuns", "Reports", "Checking", "Viewing", "Run", "Comparing",
                "Pricing", "Kernels", "Benching",
                "Migrating",
            ],
            ""),
    ];

    public static TheoryData<string> Projects => new(_projects.Keys);

    private static readonly Dictionary<string, (string Root, Assembly Assembly, Room[] Rooms)> _projects = new()
    {
        ["Kvm"] = ("Livebed.Kvm", typeof(Kvm.Vms.Vm).Assembly, _kvm),
        ["Explorer"] = ("Livebed.Explorer", typeof(Explorer.Beds.Bed).Assembly, _explorer),
        ["Grains"] = ("Livebed.Grains", typeof(Grains.Contracts.IVmGrain).Assembly, _grains),
        ["Linux"] = ("Livebed.Linux", typeof(Linux.Recording.Recorder).Assembly, _linux),
        ["Driver"] = ("Livebed.Driver", typeof(Errors.ExitCodes).Assembly, _driver),
    };

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_room_uses_no_room_but_those_of_its_row(string project)
    {
        var (_, _, rooms) = _projects[project];
        var wrong = DependenciesOf(project)
            .Select(dependency => (From: RoomOf(rooms, dependency.From), To: RoomOf(rooms, dependency.To), dependency.Where))
            .Where(use => use.From != use.To && !use.From.Uses.Contains(use.To.Name))
            .Select(use => $"{use.From.Name} uses {use.To.Name}: {use.Where}");
        Assert.Equal([], wrong);
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_row_names_only_rooms_above_it(string project)
    {
        var (_, _, rooms) = _projects[project];
        for (var row = 0; row < rooms.Length; row++)
            Assert.Subset(rooms[..row].Select(room => room.Name).ToHashSet(), rooms[row].Uses.ToHashSet());
    }

    /// <summary>A generic argument in the body of an async method, and the element of an array.</summary>
    [Fact]
    public void A_use_is_seen_wherever_it_hides()
    {
        var seen = NamespaceDependencies.OfAssembly(typeof(RoomTests).Assembly.Location, "Livebed.Driver.Tests.Rooms")
            .Select(dependency => (dependency.From, dependency.To));
        Assert.Equal([("SampleAbove", "SampleBelow"), ("SampleBelow", "SampleAbove")], seen.Order());
    }

    private static IEnumerable<Dependency> DependenciesOf(string project)
    {
        var (root, assembly, _) = _projects[project];
        return NamespaceDependencies.OfAssembly(assembly.Location, root)
            .Concat(NamespaceDependencies.OfSources(Path.Combine(Repository.Root, "src", project), root));
    }

    private static Room RoomOf(Room[] rooms, string name) =>
        rooms.SingleOrDefault(room => room.Holds(name)) ?? throw new InvalidOperationException($"no room has the namespace '{name}'");
}
