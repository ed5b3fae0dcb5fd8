using Livebed.Kvm.Guests;
using Livebed.Linux.Processes;
using Livebed.Linux.Recording;

namespace Livebed.Linux.Tests;

/// <summary>What /proc says, read.</summary>
public sealed class ProcessFileTests
{
    private const string Maps = """
        00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/a program (deleted)
        00e03000-00e24000 rw-p 00000000 00:00 0           [heap]
        7f2c40000000-7f2c50000000 rw-p 00000000 00:00 0
        7f2c60000000-7f2c60021000 rw-s 00000000 00:01 1024 /memfd:memory-backend-memfd (deleted)
        7ffd2f5c1000-7ffd2f5e2000 rw-p 00000000 00:00 0   [stack]
        7ffd2f5f5000-7ffd2f5f9000 r--p 00000000 00:00 0   [vvar]
        nonsense
        7ffd2f5f9000-7ffd2f5
        """;

    [Fact]
    public void Lines_of_maps_are_mappings_and_others_are_passed_over()
    {
        var mappings = ProcessMapping.Parse(Maps);
        Assert.Equal(6, mappings.Count);
        Assert.Equal("/usr/bin/a program (deleted)", mappings[0].Name);
        Assert.False(mappings[0].IsAnonymous);
        Assert.Equal(256UL << 20, mappings[2].Bytes);
        Assert.True(mappings[2] is { IsAnonymous: true, IsPrivate: true, IsWritable: true });
        Assert.False(mappings[3].IsPrivate);
        Assert.True(mappings[5].IsOfKernel);
        Assert.Equal(
            ["[heap]", "", "[stack]"], RecordedMemory.OfProcess.In(mappings).Select(mapping => mapping.Name));
    }

    [Fact]
    public void A_program_may_be_named_like_the_fields_behind_its_name()
    {
        var rest = string.Join(' ', Enumerable.Range(4, 49));
        var status = ProcessStatus.Parse($"42 (a) R 7 (b) S {rest}");
        Assert.Equal(new ProcessStatus("a) R 7 (b", 'S', 4, 10, 28), status);
        Assert.Null(ProcessStatus.Parse("42 (a"));
        Assert.Null(ProcessStatus.Parse("42 (a) S 1"));
        Assert.Equal("2", ProcessStatus.Field("Name:\ta\nSeccomp:\t2\nSeccomp_filters:\t1\n", "Seccomp"));
    }

    [Fact]
    public void A_process_that_waits_for_a_processor_is_looked_at_less_often()
    {
        Assert.Equal(new SchedulerTimes(8014172, 84628256), SchedulerTimes.Parse("8014172 84628256 3\n"));
        Assert.Equal(default, SchedulerTimes.Parse("nonsense"));
        Assert.Equal(1, Forbearance.FactorOf(ran: 1000, waited: 100));
        Assert.Equal(4, Forbearance.FactorOf(ran: 1000, waited: 3000));
        Assert.Equal(20, Forbearance.FactorOf(ran: 1, waited: 3000));
        Assert.Equal(1, Forbearance.FactorOf(ran: -5, waited: 3000));
        Assert.Equal(1, Forbearance.FactorOf(ran: 0, waited: 0));
    }

    [Fact]
    public void Entries_of_pagemap_are_runs_of_pages()
    {
        const ulong There = Pagemap.Present | Pagemap.SoftDirty;
        ulong[] entries = [There, There, 0, Pagemap.Swapped | Pagemap.SoftDirty, There | Pagemap.Shared, Pagemap.Present];
        var runs = new List<PageRun>();
        Pagemap.Append(entries, 100, Pagemap.SoftDirty, isPrivate: true, runs);
        Assert.Equal([new PageRun(100, 2), new PageRun(103, 1)], runs);
        runs.Clear();
        Pagemap.Append(entries, 100, 0, isPrivate: false, runs);
        Assert.Equal([new PageRun(100, 2), new PageRun(103, 3)], runs);
    }

    [Theory]
    [InlineData("256", 256UL << 20)]
    [InlineData("4G", 4UL << 30)]
    [InlineData("size=4194304k,slots=2,maxmem=8G", 4UL << 30)]
    [InlineData("memory-backend-memfd,id=a,size=512M,share=on", 512UL << 20)]
    [InlineData("""{"qom-type":"memory-backend-ram","id":"a","size":268435456}""", 256UL << 20)]
    [InlineData("hotplug_size=1G,size=2G", 2UL << 30)]
    [InlineData("", 0UL)]
    [InlineData("slots=2", 0UL)]
    [InlineData("99999999999999999999G", 0UL)]
    [InlineData("1X", 0UL)]
    public void Sizes_are_as_the_programs_mean_them(string text, ulong bytes) => Assert.Equal(bytes, GuestRam.SizeOf(text, "size"));

    [Fact]
    public void The_RAM_of_a_guest_is_the_mapping_that_its_arguments_name()
    {
        var mappings = ProcessMapping.Parse(Maps);
        var qemu = GuestRam.Of("qemu-system-x86", ["qemu-system-x86_64", "-m", "256"], mappings);
        Assert.Equal(mappings[2], Assert.Single(qemu.Ranges!));
        Assert.Equal(65536, qemu.Pages);
        Assert.Equal("guest RAM of qemu-system-x86, 256 MiB", qemu.Description);
        var backend = GuestRam.Of(
            "qemu-system-x86", ["qemu", "-m", "132K", "-object", "memory-backend-memfd,id=a,size=132K,share=on"], mappings);
        // The heap is of the same size, and no memory that a guest can have.
        Assert.Equal(mappings[3], Assert.Single(backend.Ranges!));
        Assert.Equal(mappings[2], Assert.Single(GuestRam.Of("firecracker", ["firecracker"], mappings).Ranges!));
        var wrong = Assert.Throws<RecordingException>(() => GuestRam.Of("cloud-hyperviso", ["ch", "--memory", "size=1G"], mappings));
        Assert.Equal("'cloud-hyperviso' has no mapping of 1024 MiB, which its arguments say; allowed: without --guest", wrong.Message);
    }
}
