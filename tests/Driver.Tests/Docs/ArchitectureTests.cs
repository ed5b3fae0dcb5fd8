using System.Reflection;
using Livebed.Driver.Errors;

namespace Livebed.Driver.Tests.Docs;

/// <summary>Dependencies point down, as ARCHITECTURE.md draws them.</summary>
public sealed class ArchitectureTests
{
    private static readonly Assembly _kvm = typeof(Kvm.Vms.Vm).Assembly;
    private static readonly Assembly _grains = typeof(Grains.Actors.ClusterWorld).Assembly;
    private static readonly Assembly _explorer = typeof(Explorer.Beds.Bed).Assembly;
    private static readonly Assembly _linux = typeof(Linux.Recording.Recorder).Assembly;
    private static readonly Assembly _driver = typeof(ExitCodes).Assembly;

    [Fact]
    public void The_model_knows_neither_Orleans_nor_telemetry_nor_anything_of_ours() =>
        Assert.All(References(_kvm), name => Assert.StartsWith("System.", name, StringComparison.Ordinal));

    [Fact]
    public void The_grains_know_the_model_and_not_the_driver_or_the_silo()
    {
        Assert.Equal(["Livebed.Kvm"], Ours(_grains));
        Assert.Contains(References(_grains), name => name.StartsWith("Orleans.", StringComparison.Ordinal));
    }

    [Fact]
    public void The_explorer_knows_the_model_and_nothing_else_of_ours() => Assert.Equal(["Livebed.Kvm"], Ours(_explorer));

    [Fact]
    public void What_touches_the_machine_knows_the_model_and_nothing_else_of_ours() => Assert.Equal(["Livebed.Kvm"], Ours(_linux));

    [Fact]
    public void The_driver_knows_explorer_grains_machine_and_model() =>
        Assert.Equal([], new[] { "Livebed.Explorer", "Livebed.Grains", "Livebed.Kvm", "Livebed.Linux" }.Except(Ours(_driver)));

    private static IEnumerable<string> References(Assembly assembly) => assembly.GetReferencedAssemblies().Select(name => name.Name!);

    private static IEnumerable<string> Ours(Assembly assembly) =>
        References(assembly).Where(name => name.StartsWith("Livebed.", StringComparison.Ordinal));
}
