export default {
  networks: {
    // With blocks for each transaction the time of blocks would run ahead of the clock.
    node: {
      type: 'edr-simulated',
      chainType: 'l1',
      chainId: 31337,
      hardfork: 'prague',
      mining: { auto: false, interval: 1000 },
    },
  },
}
