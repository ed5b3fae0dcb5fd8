using Livebed.Explorer.Protocols;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Searching;
using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Tests.Protocols;

/// <summary>Protocols of an assembly, here this one, are found by name; whatever is wrong with it is said in a line.</summary>
public sealed class ProtocolAssemblyTests
{
    private static readonly string _this = typeof(ProtocolAssemblyTests).Assembly.Location;

    [Fact]
    public void A_protocol_is_named_by_its_type_or_its_attribute_and_one_that_wants_more_is_none() =>
        Assert.Equal(["never-made", "own-lock"], ProtocolAssembly.Load(_this).Names);

    [Fact]
    public void It_is_explored_with_locks_of_its_own()
    {
        var setup = ProtocolSource.Find("own-lock", Path.GetFileName(_this), Path.GetDirectoryName(_this)!);
        var result = new Search(ScenarioCatalog.Find("overlapping-ranges")!, setup, new SearchOptions { Schedules = 200 }).Run();
        Assert.Null(result.Finding);
        Assert.Equal(Path.GetFileName(_this), setup.ProtocolAssembly);
        // The class was defined by another copy of the type than this test has: the assembly is isolated, the model shared.
        Assert.Contains(
            Enumerable.Range(0, Livebed.Kvm.Locks.LockClass.Count).Select(Livebed.Kvm.Locks.LockClass.ByIndex),
            known => known.Name == "own_lock_of_the_tests");
    }

    [Fact]
    public void A_constructor_that_throws_is_an_error_in_one_line()
    {
        var setup = ProtocolSource.Find("never-made", _this, "/");
        var search = new Search(ScenarioCatalog.All[0], setup, new SearchOptions { Schedules = 1 });
        var exception = Assert.Throws<ProtocolException>(search.Run);
        Assert.EndsWith(
            "the constructor of ThrowingProtocol threw InvalidOperationException: nothing works today", exception.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_name_lists_those_that_there_are() =>
        Assert.EndsWith("has no protocol 'mine'; allowed: never-made, own-lock", ErrorOf("mine", _this), StringComparison.Ordinal);

    [Fact]
    public void No_name_is_enough_only_for_an_assembly_with_one_protocol() =>
        Assert.EndsWith("has several protocols; allowed: one of never-made, own-lock", ErrorOf(null, _this), StringComparison.Ordinal);

    [Fact]
    public void A_file_that_is_not_there_is_named() =>
        Assert.StartsWith("/nowhere/my.dll: there is no such file", ErrorOf("mine", "/nowhere/my.dll"), StringComparison.Ordinal);

    [Fact]
    public void A_file_that_is_no_assembly_is_refused()
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        File.WriteAllText(path, "not an assembly");
        try
        {
            Assert.StartsWith($"{path}: is no .NET assembly", ErrorOf("mine", path), StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void An_assembly_without_a_protocol_is_told_what_one_is() =>
        Assert.Contains(
            "a public class that implements IInvalidationProtocol", ErrorOf("mine", typeof(CsCheck.Gen).Assembly.Location),
            StringComparison.Ordinal);

    [Fact]
    public void Without_an_assembly_only_presets_are_known() => Assert.Contains(
        "allowed: " + string.Join(", ", ProtocolCatalog.All.Select(entry => entry.Name)), ErrorOf("own-lock", null),
        StringComparison.Ordinal);

    private static string ErrorOf(string? name, string? assembly) =>
        Assert.Throws<ProtocolException>(() => ProtocolSource.Find(name, assembly, Path.GetDirectoryName(_this)!)).Message;
}
