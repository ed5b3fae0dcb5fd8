using Livebed.Explorer.Kernels;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;

namespace Livebed.Explorer.Tests.Kernels;

public sealed class KernelScriptTests
{
    private const string Verbs = "set, get, clear, reset, write, read, user-write, dontneed, unmap, map, remap, protect, fork, merge";
    private const string Header = "set slot=0 gfn=16 pages=4 at=0 flags=log\n";

    public static TheoryData<string> Scripts =>
        new(Directory.EnumerateFiles(AppContext.BaseDirectory, "*.script").Select(file => Path.GetFileName(file)!).Order());

    public static TheoryData<DirtyLogMode> Modes => new(ScriptWords.Modes);

    [Theory]
    [MemberData(nameof(Scripts))]
    public void The_model_answers_as_the_script_says_that_a_kernel_does(string file)
    {
        var script = ScriptReader.ReadFile(Path.Combine(AppContext.BaseDirectory, file), file);
        Assert.Equal(script.Steps.Select(step => $"{step.Line}: {step.Expected}"), Answers(script, new ModelKernel()));
    }

    [Theory]
    [InlineData(
        "",
        "x: has no step; allowed: " + Verbs)]
    [InlineData("mode: log\nget slot=0", "x, line 1: mode: 'log' is unknown; allowed: bitmap, manual, initially-set, ring")]
    [InlineData("shows: x\nget slot=0", "x, line 1: shows: 'x' is unknown; allowed: refused-page-is-mmio, read-may-be-dirty")]
    [InlineData("vcpus: 5\nget slot=0", "x, line 1: vcpus: '5' is no number in range; allowed: 1 to 4")]
    [InlineData(
        "size: 5\nget slot=0", "x, line 1: the header 'size' is unknown; allowed: mode, backing, vcpus, pages, architecture, shows")]
    [InlineData("pages: 5\npages: 6\nget slot=0", "x, line 2: the header 'pages' stands twice; allowed: once")]
    [InlineData("get slot=0\nmode: ring", "x, line 2: the header 'mode' stands behind a step; allowed: headers before the first step")]
    [InlineData(
        "# nothing\n\nmove slot=0",
        "x, line 3: 'move' is no verb; allowed: " + Verbs)]
    [InlineData("get slot=65536", "x, line 1: get slot=65536: is not allowed; allowed: 0 to 65535")]
    [InlineData("get slots=1", "x, line 1: get has no key 'slots'; allowed: slot")]
    [InlineData("get slot=1 slot=2", "x, line 1: get: 'slot' stands twice; allowed: once")]
    [InlineData("reset slot=1", "x, line 1: reset has no key 'slot'; allowed: no key")]
    [InlineData("get", "x, line 1: get: 'slot' is missing; allowed: 0 to 65535")]
    [InlineData("get slot", "x, line 1: get slot=: is not allowed; allowed: 0 to 65535")]
    [InlineData("write gfn=1 value=0", "x, line 1: write value=0: is not allowed; allowed: 1 to 2147483647")]
    [InlineData("write gfn=983040 value=1", "x, line 1: write gfn=983040: is not allowed; allowed: 0 to 983039")]
    [InlineData("read gfn=1 vcpu=1", "x, line 1: vcpu=1: there are 1; allowed: 0 to 0")]
    [InlineData("set slot=0 gfn=0 pages=200 at=100", "x, line 1: set ends at page 300; allowed: the memory has 256 pages (header 'pages')")]
    [InlineData(
        "set slot=0 gfn=0 pages=2 at=1 flags=dirty",
        "x, line 1: set flags=dirty: is not allowed; allowed: log, readonly, or both as log,readonly")]
    [InlineData(
        "clear slot=0 first=0 pages=64 bits=3-1",
        "x, line 1: clear bits=3-1: is not allowed; allowed: pages of the slot in rising order, as in 0-3,7, or none")]
    [InlineData("remap at=0 to=1 pages=2", "x, line 1: remap: both ranges overlap; allowed: ranges without a common page")]
    [InlineData(
        "backing: shared\nremap at=0 to=4 pages=2",
        "x, line 2: remap: the pages of a file do not move with their mapping; allowed: remap with backing: private")]
    [InlineData(
        "backing: hugetlb\npages: 700\nget slot=0",
        "x: has 700 pages of huge pages; allowed: a header 'pages' with a multiple of 512")]
    [InlineData(
        "backing: hugetlb\npages: 1024\ndontneed at=0 pages=8",
        "x, line 3: dontneed: a part of a huge page; allowed: whole huge pages: multiples of 512 pages")]
    [InlineData(
        "get slot=0 => 3,1",
        "x, line 1: '3,1' is no answer to get; allowed: pages as in 0-3,7, none, ENOENT, EIO, ENXIO, ENOMEM, EFAULT, EEXIST, EINVAL")]
    [InlineData("write gfn=0 value=1 =>", "x, line 1: '' is no answer to write; allowed: ok, mmio, fault, full")]
    public void A_wrong_line_is_told_with_what_is_allowed(string text, string message) =>
        Assert.Equal(message, Assert.Throws<ScriptException>(() => ScriptReader.Read("x", text)).Message);

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_drawn_script_is_its_text_and_breaks_no_check(DirtyLogMode mode)
    {
        var generator = new ScriptGenerator(mode);
        for (var seed = 0UL; seed < 60; seed++)
        {
            var script = generator.Draw(seed);
            Assert.Equal(script.ToText(), ScriptReader.Read("x", script.ToText()).ToText());
            Assert.Equal(script.Steps.Count, new ModelKernel().Play(script).Count);
        }
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_script_on_huge_pages_can_be_drawn_and_breaks_no_check(DirtyLogMode mode)
    {
        for (var seed = 0UL; seed < 10; seed++)
        {
            var script = new ScriptGenerator(mode, backing: BackingKind.Hugetlb).Draw(seed);
            Assert.Equal(script.ToText(), ScriptReader.Read("x", script.ToText()).ToText());
            Assert.Equal(script.Steps.Count, new ModelKernel().Play(script).Count);
        }
    }

    /// <summary>A generator of new memslots finds no defect of moves.</summary>
    [Fact]
    public void Half_of_the_updates_change_a_memslot_that_is_there()
    {
        var (changes, updates) = (0, 0);
        for (var seed = 0UL; seed < 200; seed++)
        {
            var script = new ScriptGenerator(DirtyLogMode.Bitmap).Draw(seed);
            var there = new HashSet<int>();
            var answers = new ModelKernel().Play(script);
            for (var index = 0; index < script.Steps.Count; index++)
            {
                var step = script.Steps[index];
                if (!step.IsUpdate) continue;
                updates++;
                if (there.Contains(step.Slot)) changes++;
                if (answers[index] != "ok") continue;
                if (step.Pages == 0) there.Remove(step.Slot);
                else there.Add(step.Slot);
            }
        }

        Assert.InRange((double)changes / updates, 0.45, 0.75);
    }

    [Theory]
    [InlineData("move-drops-bitmap", DirtyLogMode.Bitmap)]
    [InlineData("move-drops-bitmap", DirtyLogMode.Manual)]
    [InlineData("get-log-without-protect", DirtyLogMode.Bitmap)]
    [InlineData("created-log-begins-clean", DirtyLogMode.InitiallySet)]
    [InlineData("ring-reset-without-protect", DirtyLogMode.Ring)]
    public void A_planted_defect_is_found_and_its_script_is_short(string mutant, DirtyLogMode mode)
    {
        var comparison = new ScriptComparison([]);
        var broken = new ModelKernel(Mutant.Find(mutant)!);
        var generator = new ScriptGenerator(mode);
        var found = Enumerable.Range(0, 5_000).Select(seed => generator.Draw((ulong)seed)).First(Differs);
        var shortest = new ScriptShrinker(Differs).Shrink(found);
        Assert.InRange(shortest.Steps.Count, 1, 5);

        bool Differs(KernelScript script) =>
            comparison.Compare(script, new ModelKernel().Play(script), broken.Play(script)).Difference is not null;
    }

    [Fact]
    public void A_page_that_the_guest_has_only_read_may_be_reported_by_a_kernel_and_no_other()
    {
        var script = ScriptReader.Read("x", Header + "read gfn=17\nget slot=0");
        var comparison = new ScriptComparison(Normaliser.Of(KvmFlavour.Hardware));
        var allowed = comparison.Compare(script, ["ok", "0", "none"], ["ok", "0", "1"]);
        Assert.Null(allowed.Difference);
        Assert.Equal(["read-may-be-dirty"], allowed.Normalisers);
        Assert.Equal(2, comparison.Compare(script, ["ok", "0", "none"], ["ok", "0", "2"]).Difference?.Step);
        Assert.Equal(2, comparison.Compare(script, ["EEXIST", "0", "none"], ["EEXIST", "0", "1"]).Difference?.Step);
        Assert.Equal(2, comparison.Compare(script, ["ok", "0", "1"], ["ok", "0", "none"]).Difference?.Step);
        Assert.Equal(1, comparison.Compare(script, ["ok", "fault", "none"], ["ok", "0", "none"]).Difference?.Step);
        Assert.Equal(2, comparison.Compare(script, ["ok", "fault", "none"], ["ok", "fault", "1"]).Difference?.Step);
        Assert.Equal(1, comparison.Compare(script, ["ok", "fault", "none"], ["ok", "mmio", "none"]).Difference?.Step);
    }

    [Fact]
    public void A_page_that_the_host_refuses_is_MMIO_to_a_kernel_that_emulates_and_to_no_other()
    {
        var script = ScriptReader.Read("x", Header + "unmap at=1 pages=1\nread gfn=17\nget slot=0");
        var comparison = new ScriptComparison(Normaliser.Of(KvmFlavour.Emulating));
        var allowed = comparison.Compare(script, ["ok", "ok", "fault", "none"], ["ok", "ok", "mmio", "none"]);
        Assert.Null(allowed.Difference);
        Assert.Equal(["refused-page-is-mmio"], allowed.Normalisers);
        Assert.Equal(2, comparison.Compare(script, ["ok", "ok", "0", "none"], ["ok", "ok", "mmio", "none"]).Difference?.Step);
        Assert.Equal(3, comparison.Compare(script, ["ok", "ok", "0", "none"], ["ok", "ok", "0", "1"]).Difference?.Step);
    }

    /// <summary>So many scripts could have shown it and none has: it does not hold any more of such a kernel.</summary>
    [Fact]
    public void What_is_known_of_a_kernel_is_gone_when_enough_scripts_do_not_show_it()
    {
        var script = ScriptReader.Read("x", Header + "read gfn=17\nget slot=0");
        var comparison = new ScriptComparison(Normaliser.Of(KvmFlavour.Hardware));
        var tally = new NormaliserTally(comparison.Normalisers);
        for (var chances = 1; chances < Normaliser.ReadIsDirty.ChancesMost; chances++) Add("none");
        // A script in which it could not show is no chance.
        tally.Add(comparison.Compare(script, ["ok", "0", "1"], ["ok", "0", "1"]));
        Assert.Empty(tally.Gone);
        Add("none");
        Assert.Equal("read-may-be-dirty", Assert.Single(tally.Gone).Normaliser.Name);
        Add("1");
        Assert.Empty(tally.Gone);
        Assert.Equal(1, tally.Used["read-may-be-dirty"]);

        void Add(string kernel) => tally.Add(comparison.Compare(script, ["ok", "0", "none"], ["ok", "0", kernel]));
    }

    [Fact]
    public void A_violated_check_of_the_model_is_a_difference()
    {
        var script = ScriptReader.Read("x", Header + "write gfn=17 value=7\nset slot=0 gfn=64 pages=4 at=0 flags=log\nget slot=0");
        var answers = new ModelKernel(Mutant.MoveFreesBitmap).Play(script);
        Assert.StartsWith("violates S8", answers[^1], StringComparison.Ordinal);
        Assert.NotNull(new ScriptComparison([]).Compare(script, answers, new ModelKernel().Play(script)).Difference);
    }

    private static IEnumerable<string> Answers(KernelScript script, ModelKernel kernel) =>
        kernel.Play(script).Select((answer, index) => $"{script.Steps.ElementAtOrDefault(index)?.Line}: {answer}");
}
